// The account of this device: who it is, how it signs, and its one MLS signature key with the account's proof for it.

import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import type { DeviceIdentity } from "../marmot/engine-types.ts"
import { bytesToHex, hexToBytes } from "../nostr/event.ts"
import { LocalSigner } from "../nostr/local-signer.ts"
import { Nip07Signer } from "../nostr/nip07-signer.ts"
import type { Signer } from "../nostr/signer.ts"
import type { Store } from "../store/types.ts"
import { ClientError } from "./api.ts"
import type { Draft } from "./draft.ts"
import type { Extension } from "./ports.ts"
import { RecordMap } from "./record-map.ts"

export interface AccountRecord {
  readonly pubkey: string
  readonly signer: "local" | "nip07"
  /** Hex; of a local account only. The store seals it. */
  readonly secretKey?: string
  readonly keySaved: boolean
  /** The name that the user chose here; published if the account has none. */
  readonly name?: string
  /** Where the user wants to be reachable. */
  readonly relays: readonly string[]
  /** The `d` of the device's first KeyPackage slot: 32 random bytes, reused on replacement (wire §7.6). */
  readonly slot: string
  /** Hex. */
  readonly device: {
    readonly publicKey: string
    readonly privateKey: string
    readonly proof: string
  }
  /** The key was made on this device, so no other client has published relay lists before. */
  readonly madeHere?: boolean
  /** Relay lists of ours have been on relays. */
  readonly listed?: boolean
  /** Milliseconds: since when none are found, while some relays do not answer. */
  readonly unlistedSince?: number | undefined
  /** Relays of our published lists, as far as they are known. */
  readonly writeRelays?: readonly string[]
  readonly inboxRelays?: readonly string[]
  /** Unix seconds. */
  readonly createdAt: number
}

export class Account {
  readonly signer: Signer
  readonly #records: RecordMap<AccountRecord>
  readonly #pubkey: string

  private constructor(
    records: RecordMap<AccountRecord>,
    record: AccountRecord,
    extension: Extension,
  ) {
    this.#records = records
    this.#pubkey = record.pubkey
    this.signer = signerOf(record, extension)
  }

  /** The stored account, if there is one. */
  static async load(store: Store, extension: Extension): Promise<Account | undefined> {
    const records = accountRecords()
    await records.load(store)
    const [record] = records.values()
    return record === undefined ? undefined : new Account(records, record, extension)
  }

  /** The batch that makes an account. */
  static write(draft: Draft, record: AccountRecord): void {
    accountRecords().put(draft, record)
  }

  get record(): AccountRecord {
    const record = this.#records.get(this.#pubkey)
    if (record === undefined) throw new ClientError("no_account", "There is no account.")
    return record
  }

  get pubkey(): string {
    return this.#pubkey
  }

  get device(): DeviceIdentity {
    const { publicKey, privateKey, proof } = this.record.device
    return {
      pubkey: this.#pubkey,
      signatureKeyPair: { publicKey: hexToBytes(publicKey), privateKey: hexToBytes(privateKey) },
      identityProof: hexToBytes(proof),
    }
  }

  /** A name for a record, which stands in the clear: whoever does not have this device's keys can't tell of what. */
  nameFor(text: string): string {
    const secret = hexToBytes(this.record.device.privateKey)
    return bytesToHex(hmac(sha256, secret, new TextEncoder().encode(`record name: ${text}`)))
  }

  /** Where gift wraps are expected. */
  get inboxRelays(): readonly string[] {
    return this.record.inboxRelays ?? this.record.relays
  }

  get writeRelays(): readonly string[] {
    return this.record.writeRelays ?? this.record.relays
  }

  update(draft: Draft, change: Partial<AccountRecord>): void {
    const current = this.#records.get(this.#pubkey, draft) ?? this.record
    this.#records.put(draft, { ...current, ...change })
    draft.change({ topic: "session" })
  }
}

/** The hex of a new key's parts, as the record holds them. */
export function deviceRecord(device: DeviceIdentity): AccountRecord["device"] {
  const { publicKey, privateKey } = device.signatureKeyPair
  return {
    publicKey: bytesToHex(publicKey),
    privateKey: bytesToHex(privateKey),
    proof: bytesToHex(device.identityProof),
  }
}

const accountRecords = () =>
  new RecordMap<AccountRecord>({
    table: "account",
    scope: "self",
    keyOf: ({ pubkey }) => pubkey,
    sortOf: () => "account",
  })

function signerOf(record: AccountRecord, extension: Extension): Signer {
  if (record.secretKey !== undefined) return new LocalSigner(hexToBytes(record.secretKey))
  if (extension === undefined) {
    throw new ClientError("signer_refused", "This account needs a signing extension.")
  }
  return new Nip07Signer(extension, record.pubkey)
}
