// Errors of the Marmot layer: one class with a stable code; never ids, keys or content in a message.

export type MarmotErrorCode =
  /** Bytes or text that are not what the specification says (marmot-wire §2). */
  | "invalid_encoding"
  /** A component whose state breaks its own rules (§6). */
  | "invalid_component"
  /** A component that the group must have is not there (§4.3). */
  | "missing_component"
  /** A credential that is no Nostr key, or that does not fit its proof (§3). */
  | "invalid_identity"
  /** An account identity proof that is missing, malformed or does not verify (§3.3). */
  | "invalid_identity_proof"
  /** A signer returned another event than the one that it was asked to sign (§3.2). */
  | "signer_changed_event"
  /** Tags, kind or content of an event break the transport's table (§7). */
  | "invalid_event"
  /** Content that is no KeyPackage, or one that says what it may not (§5). */
  | "key_package_invalid"
  /** A lifetime that ends before it begins, or spans more than 84 days and an hour (§5). */
  | "key_package_lifetime"
  /** A lifetime that has not begun (§5). */
  | "key_package_not_yet_valid"
  /** A lifetime that is over (§5). */
  | "key_package_expired"
  /** A KeyPackage of a client that can't be in a group of the current profile (§4.4). */
  | "key_package_incompatible"
  /** The `i` tag is not the reference of the package (§7.6). */
  | "key_package_reference"
  /** The event's author is not the package's account (§5). */
  | "key_package_author"
  /** An inner event that breaks the strict JSON form, or is not by its MLS sender (§8.1). */
  | "invalid_app_event"
  /** A reference to an attachment that must be dropped (§10.1). */
  | "invalid_attachment"
  /** An attachment or image that can't be read with what is at hand (§10.1); not invalid. */
  | "unavailable_attachment"
  /** A Commit or proposal that its author may not make (behaviour §4). */
  | "authorization_failed"
  /** A group that this client does not support in full (§4.4). */
  | "unsupported_group"
  /** The author of an invitation is no admin of the group (behaviour §3). */
  | "not_admin"
  /** The group has ended. */
  | "disbanded"
  /** A stored group that can't be read. */
  | "corrupt_state"
  /** A caller passed something that the function's contract forbids. */
  | "misuse"
  /** A state that our own code should never have produced. */
  | "internal"

/** Everything that `src/marmot` throws on purpose. */
export class MarmotError extends Error {
  readonly code: MarmotErrorCode
  constructor(code: MarmotErrorCode, message: string) {
    super(message)
    this.name = "MarmotError"
    this.code = code
  }
}
