// NIP-59: a rumor in a seal (kind 13) in a gift wrap (kind 1059).

import { RelayError, SignerError } from "./error.ts"
import {
  finalizeEvent,
  generateSecretKey,
  nip44Encrypt,
  parseEvent,
  parseRumor,
  verifyEvent,
} from "./event.ts"
import type { NostrEvent, RandomBytes, Rumor } from "./event.ts"
import type { Signer } from "./signer.ts"

const SEAL_KIND = 13
export const GIFT_WRAP_KIND = 1059

/** Seals and wraps are dated up to two days back; `since` in a query for them goes back as far (seconds). */
export const GIFT_WRAP_BACKDATE = 172_800

export interface WrapParams {
  readonly signer: Signer
  readonly rumor: Rumor
  /** 64 lowercase hex characters. */
  readonly recipient: string
  /** Unix milliseconds. */
  readonly now: number
  readonly random: RandomBytes
}

/**
 * Seals `rumor` with the signer's key and wraps the seal with a key that is used for nothing else; the wrap's tags
 * are exactly `[["p", recipient]]`. Rejects with the signer's errors, or `RelayError` `invalid_wrap` for a rumor of
 * another author.
 */
export async function wrap({
  signer,
  rumor,
  recipient,
  now,
  random,
}: WrapParams): Promise<NostrEvent> {
  if (rumor.pubkey !== (await signer.publicKey())) throw broken("the rumor is not the signer's")
  const { id, pubkey, created_at, kind, tags, content } = rumor
  const json = JSON.stringify({ id, pubkey, created_at, kind, tags, content })
  const seal = await signer.signEvent({
    created_at: backdated(now, random),
    kind: SEAL_KIND,
    tags: [],
    content: await signer.nip44Encrypt(recipient, json),
  })
  const wrapKey = generateSecretKey(random)
  return finalizeEvent(
    {
      created_at: backdated(now, random),
      kind: GIFT_WRAP_KIND,
      tags: [["p", recipient]],
      content: nip44Encrypt(wrapKey, recipient, JSON.stringify(seal)),
    },
    wrapKey,
  )
}

export interface Unwrapped {
  readonly rumor: Rumor
  /** Who signed the seal, and therefore wrote the rumor. */
  readonly sealAuthor: string
}

/**
 * Opens a gift wrap for the signer's account. `RelayError` `wrong_recipient` or `invalid_wrap` is final;
 * `SignerError` `refused` and `unavailable` may pass. (An extension's refusal cannot be told from its failure to
 * decrypt: bound the attempts.)
 */
export async function unwrap({
  signer,
  event,
}: {
  readonly signer: Signer
  readonly event: NostrEvent
}): Promise<Unwrapped> {
  if (event.kind !== GIFT_WRAP_KIND) throw broken("not a gift wrap")
  const addressees = event.tags.filter((tag) => tag[0] === "p")
  // Marmot §7.1: exactly one `p` tag of exactly one value.
  const [addressee] = addressees
  if (addressees.length !== 1 || addressee?.length !== 2) throw broken("not one p tag")
  if (addressee[1] !== (await signer.publicKey())) {
    throw new RelayError("wrong_recipient", "a gift wrap for somebody else")
  }
  if (!verifyEvent(event)) throw broken("wrong id or signature of the wrap")

  const seal = parse(parseEvent, await open(signer, event))
  // NIP-59: a seal is of kind 13, without tags, and signed by the author.
  if (seal.kind !== SEAL_KIND) throw broken("not a seal")
  if (seal.tags.length !== 0) throw broken("a seal with tags")
  if (!verifyEvent(seal)) throw broken("wrong id or signature of the seal")

  const rumor = parse(parseRumor, await open(signer, seal))
  // NIP-59: otherwise anyone could speak in another's name.
  if (rumor.pubkey !== seal.pubkey) throw broken("the seal is not by the rumor's author")
  return { rumor, sealAuthor: seal.pubkey }
}

const broken = (message: string) => new RelayError("invalid_wrap", message)

function backdated(now: number, random: RandomBytes): number {
  const [a = 0, b = 0, c = 0, d = 0] = random(4)
  const fraction = (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) / 2 ** 32
  return Math.floor(now / 1000) - Math.floor(fraction * GIFT_WRAP_BACKDATE)
}

async function open(signer: Signer, event: NostrEvent): Promise<string> {
  try {
    return await signer.nip44Decrypt(event.pubkey, event.content)
  } catch (error) {
    if (error instanceof SignerError && error.code === "undecryptable") {
      throw broken("cannot be decrypted")
    }
    throw error
  }
}

function parse<T>(read: (value: unknown) => T, json: string): T {
  try {
    return read(JSON.parse(json))
  } catch {
    throw broken("not an event inside")
  }
}
