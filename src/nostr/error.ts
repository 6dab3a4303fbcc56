// Errors of the Nostr layer: three classes (what came over a relay, what a signer or a media server did), each with stable codes.

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

export type BlossomErrorCode =
  /** No server is configured, or none that may be contacted. */
  | "no_server"
  /** No connection, no answer in time, or a connection that broke. */
  | "unreachable"
  /** The server does not have the blob. */
  | "not_found"
  /** Above our limit or the server's. */
  | "too_large"
  /** Any other refusal. */
  | "refused"
  /** The server's bytes have another hash than they should. */
  | "wrong_hash"
  /** An answer to an upload that is no blob descriptor. */
  | "bad_answer"

/** Everything that the Blossom client throws on purpose. */
export class BlossomError extends Error {
  readonly code: BlossomErrorCode

  constructor(code: BlossomErrorCode, message: string) {
    super(message)
    this.name = "BlossomError"
    this.code = code
  }
}
