// The requests of the MLS working group's interop interface (mls_client.proto), as far as this client reads them.

export interface ExtensionFields {
  readonly extension_type: number
  readonly extension_data: Uint8Array
}

export interface ProposalDescription {
  /** "add", "remove", "externalPSK", "resumptionPSK", "groupContextExtensions" or "reinit". */
  readonly proposal_type: Uint8Array
  readonly key_package: Uint8Array
  readonly removed_id: Uint8Array
  readonly psk_id: Uint8Array
  readonly epoch_id: string
  readonly extensions: readonly ExtensionFields[]
  readonly group_id: Uint8Array
  readonly cipher_suite: number
}

export interface StateRequest {
  readonly state_id: number
}

export interface CommitRequest extends StateRequest {
  readonly by_reference: readonly Uint8Array[]
  readonly by_value: readonly ProposalDescription[]
  readonly force_path: boolean
  readonly external_tree: boolean
}

export interface HandleCommitRequest extends StateRequest {
  readonly proposal: readonly Uint8Array[]
  readonly commit: Uint8Array
}

export interface ExternalJoinRequest {
  readonly group_info: Uint8Array
  readonly ratchet_tree: Uint8Array
  readonly identity: Uint8Array
  readonly encrypt_handshake: boolean
  readonly remove_prior: boolean
  readonly psks: readonly { readonly psk_id: Uint8Array; readonly psk_secret: Uint8Array }[]
}

export interface SubgroupRequest {
  readonly force_path: boolean
  readonly external_tree: boolean
}

/** Empty bytes stand for a field that is not there (proto3). */
export function present(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length === 0 ? undefined : bytes
}
