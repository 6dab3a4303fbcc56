// NIP-07 and NIP-44: what the client asks of a signer, and the check of every answer.

import { SignerError } from "./error.ts"
import { parseEvent, verifyEvent } from "./event.ts"
import type { EventTemplate, NostrEvent } from "./event.ts"

/**
 * Holds an account's key. Every method rejects with `SignerError` only: `refused` and `unavailable` may pass
 * (the same call can succeed later), `changed_event`, `invalid` and `undecryptable` will not.
 */
export interface Signer {
  readonly kind: "local" | "nip07"
  /** 64 lowercase hex characters; the same for the whole life of the signer. */
  publicKey(): Promise<string>
  /** The template, signed: every field of the answer is compared with it, id and signature are verified. */
  signEvent(template: EventTemplate): Promise<NostrEvent>
  nip44Encrypt(pubkey: string, text: string): Promise<string>
  nip44Decrypt(pubkey: string, payload: string): Promise<string>
}

/**
 * A signer's answer to `template`, once it is proved to be that template signed by `pubkey` (Marmot §3.2).
 * Throws `SignerError`: `invalid` for what is no event or does not verify, `changed_event` for another event.
 */
export function checkSignedEvent(
  template: EventTemplate,
  pubkey: string,
  answer: unknown,
): NostrEvent {
  const event = parseAnswer(answer)
  if (event.pubkey !== pubkey) throw changed("author")
  if (event.created_at !== template.created_at) throw changed("timestamp")
  if (event.kind !== template.kind) throw changed("kind")
  if (event.content !== template.content) throw changed("content")
  if (JSON.stringify(event.tags) !== JSON.stringify(template.tags)) throw changed("tags")
  if (!verifyEvent(event)) throw new SignerError("invalid", "the signature does not verify")
  return event
}

function parseAnswer(answer: unknown): NostrEvent {
  try {
    return parseEvent(answer)
  } catch {
    throw new SignerError("invalid", "the signer's answer is not an event")
  }
}

const changed = (field: string) =>
  new SignerError("changed_event", `the signer changed the event's ${field}`)
