// NIP-07: a signer in a browser extension, reached through a port; nothing that it answers is taken on trust.

import { SignerError } from "./error.ts"
import { isHex32, isLiftable, hexToBytes } from "./event.ts"
import type { EventTemplate, NostrEvent } from "./event.ts"
import { checkSignedEvent } from "./signer.ts"
import type { Signer } from "./signer.ts"

/**
 * The shape of `window.nostr`. Answers are `unknown`: they come from outside. In a worker this is a bridge to a
 * tab; a bridge without a tab, or a tab without an extension, rejects with `SignerError` `unavailable`.
 */
export interface Nip07Provider {
  getPublicKey(): Promise<unknown>
  signEvent(template: {
    created_at: number
    kind: number
    tags: string[][]
    content: string
  }): Promise<unknown>
  readonly nip44?:
    | {
        encrypt(pubkey: string, plaintext: string): Promise<unknown>
        decrypt(pubkey: string, ciphertext: string): Promise<unknown>
      }
    | undefined
}

export class Nip07Signer implements Signer {
  readonly kind = "nip07"
  readonly #provider: Nip07Provider
  #publicKey: string | undefined

  /** `publicKey`: the account that is expected; without it, the first answer of the extension is kept. */
  constructor(provider: Nip07Provider, publicKey?: string) {
    this.#provider = provider
    this.#publicKey = publicKey
  }

  async publicKey(): Promise<string> {
    if (this.#publicKey !== undefined) return this.#publicKey
    const answer = await ask(() => this.#provider.getPublicKey())
    if (!isHex32(answer) || !isLiftable(hexToBytes(answer))) {
      throw new SignerError("invalid", "the extension's answer is not a public key")
    }
    this.#publicKey ??= answer
    return this.#publicKey
  }

  async signEvent(template: EventTemplate): Promise<NostrEvent> {
    const pubkey = await this.publicKey()
    const { created_at, kind, content } = template
    // A copy: extensions are known to write into what they are given.
    const tags = template.tags.map((tag) => [...tag])
    const answer = await ask(() => this.#provider.signEvent({ created_at, kind, tags, content }))
    return checkSignedEvent(template, pubkey, answer)
  }

  async nip44Encrypt(pubkey: string, text: string): Promise<string> {
    const nip44 = this.#nip44()
    return nonEmpty(await ask(() => nip44.encrypt(pubkey, text)))
  }

  async nip44Decrypt(pubkey: string, payload: string): Promise<string> {
    const nip44 = this.#nip44()
    return nonEmpty(await ask(() => nip44.decrypt(pubkey, payload)))
  }

  #nip44(): NonNullable<Nip07Provider["nip44"]> {
    const nip44 = this.#provider.nip44
    if (nip44 === undefined) {
      throw new SignerError("unavailable", "the extension has no NIP-44 encryption")
    }
    return nip44
  }
}

/** An extension's errors have no codes: whatever it throws is a refusal, unless the bridge knows better. */
async function ask(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof SignerError) throw error
    throw new SignerError("refused", "the extension refused")
  }
}

function nonEmpty(answer: unknown): string {
  if (typeof answer !== "string" || answer === "") {
    throw new SignerError("invalid", "the extension's answer is not a text")
  }
  return answer
}
