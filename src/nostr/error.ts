// Errors of the Nostr layer: two classes (what came over a relay, what a signer did), each with stable codes.

export type RelayErrorCode =
  /** A value that is not a NIP-01 event, or that cannot be one (lone surrogates, non-integers, too large). */
  | "invalid_event"
  /** The id is not the hash of the event, or the signature is not its author's. */
  | "invalid_signature"
  /** A string that is not hexadecimal in lower case, or of the wrong length. */
  | "invalid_hex"
  /** A relay URL outside the profile of Marmot's transport. */
  | "invalid_url"
  /** Text that names no person: neither npub, nprofile nor a public key in hex. */
  | "invalid_address"
  /** An event that is not the relay list it should be. */
  | "invalid_relay_list"
  /** A frame from a relay that is no NIP-01 message. */
  | "invalid_message"
  /** A frame from a relay above the size limit. */
  | "message_too_large"
  /** A gift wrap whose `p` tag names somebody else, or none. */
  | "wrong_recipient"
  /** A gift wrap, seal or rumor that breaks NIP-59. */
  | "invalid_wrap"
  /** A relay sent an event that the subscription did not ask for. */
  | "unwanted_event"
  /** Too much is waiting for a relay. */
  | "queue_full"
  /** The pool is closed. */
  | "closed"

/** Everything that `src/nostr` throws on purpose about data and relays. Messages never contain key material. */
export class RelayError extends Error {
  readonly code: RelayErrorCode

  constructor(code: RelayErrorCode, message: string) {
    super(message)
    this.name = "RelayError"
    this.code = code
  }
}

export type SignerErrorCode =
  /** The signer (or its user) said no, or gave an error that cannot be told from a no. */
  | "refused"
  /** The signer returned another event than the one that it was given to sign. */
  | "changed_event"
  /** There is no signer, or it lacks the operation. */
  | "unavailable"
  /** A key, argument or answer of the wrong form, or a signature that does not verify. */
  | "invalid"
  /** A ciphertext that this key cannot open: meant for another key, changed, or not NIP-44. */
  | "undecryptable"

/** Everything that a signer throws on purpose. Messages never contain key material. */
export class SignerError extends Error {
  readonly code: SignerErrorCode

  constructor(code: SignerErrorCode, message: string) {
    super(message)
    this.name = "SignerError"
    this.code = code
  }
}
