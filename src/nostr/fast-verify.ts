// NIP-01, BIP-340: signatures of events checked by libsecp256k1 in WebAssembly, where the platform runs it.

import { finalizeEvent, verifyEvent, verifyWith } from "./event.ts"
import type { NostrEvent, SignatureCheck } from "./event.ts"

let started: Promise<boolean> | undefined

/**
 * Lets `verifyEvent` use WebAssembly, about five times as fast, once that has shown that it tells good signatures from
 * bad ones. Where it can't be loaded (a policy may forbid it) all stays as it is. Resolves to whether it is in use.
 */
export function verifyFast(): Promise<boolean> {
  started ??= load().then(
    (check) => {
      const works = passes(check)
      if (works) verifyWith(check)
      return works
    },
    () => false,
  )
  return started
}

async function load(): Promise<SignatureCheck> {
  const { initNostrWasm } = await import("nostr-wasm/gzipped")
  const library = await initNostrWasm()
  return (event) => {
    try {
      // It computes the id once more, and throws for what does not verify, and for what is larger than its memory.
      library.verifyEvent(mutable(event))
      return true
    } catch {
      return false
    }
  }
}

/** The type of the other library knows no read-only lists. */
function mutable(event: NostrEvent) {
  return { ...event, tags: event.tags as string[][] }
}

/** One whole operation, as it will be used, rather than a look at what is there. */
function passes(check: SignatureCheck): boolean {
  const secretKey = new Uint8Array(32).fill(7)
  const template = { kind: 1, created_at: 1, tags: [["t", "\u00e9"]], content: '"\n\u{1f600}' }
  const event = finalizeEvent(template, secretKey)
  const last = event.sig.endsWith("0") ? "1" : "0"
  const forged = { ...event, sig: event.sig.slice(0, -1) + last }
  return verifyEvent(event) && check(event) && !check(forged)
}
