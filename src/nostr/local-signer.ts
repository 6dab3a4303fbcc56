// A signer that holds the secret key itself (NIP-01 signatures, NIP-44 encryption).

import { finalizeEvent, nip44Decrypt, nip44Encrypt, publicKeyOf } from "./event.ts"
import type { EventTemplate, NostrEvent } from "./event.ts"
import { checkSignedEvent } from "./signer.ts"
import type { Signer } from "./signer.ts"
import { SignerError } from "./error.ts"

export class LocalSigner implements Signer {
  readonly kind = "local"
  readonly #secretKey: Uint8Array
  readonly #publicKey: string

  /** Keeps a copy of the 32-byte `secretKey`. Throws `SignerError` `invalid` for what is no key. */
  constructor(secretKey: Uint8Array) {
    this.#publicKey = publicKeyOf(secretKey)
    this.#secretKey = secretKey.slice()
  }

  publicKey(): Promise<string> {
    return Promise.resolve(this.#publicKey)
  }

  signEvent(template: EventTemplate): Promise<NostrEvent> {
    return settle(() =>
      checkSignedEvent(template, this.#publicKey, finalizeEvent(template, this.#secretKey)),
    )
  }

  nip44Encrypt(pubkey: string, text: string): Promise<string> {
    return settle(() => nip44Encrypt(this.#secretKey, pubkey, text))
  }

  nip44Decrypt(pubkey: string, payload: string): Promise<string> {
    return settle(() => nip44Decrypt(this.#secretKey, pubkey, payload))
  }
}

function settle<T>(run: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    try {
      resolve(run())
    } catch (error) {
      reject(
        error instanceof SignerError ? error : new SignerError("invalid", "not a signable event"),
      )
    }
  })
}
