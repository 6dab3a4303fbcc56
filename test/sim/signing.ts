// Cheap signatures for events: the process that simulates everyone remembers who has signed what. Who has not been
// given the secret key can't sign here either; what nobody signed does not verify.

import { hash } from "node:crypto"
import { verifyFast } from "../../src/nostr/fast-verify.ts"
import { unsafeSignWith, verifyWith } from "../../src/nostr/event.ts"

/** Call it once in a process, before the first client opens. */
export async function unsafeSimulatedSignatures(): Promise<void> {
  const { initNostrWasm } = await import("nostr-wasm/gzipped")
  const library = await initNostrWasm()
  // Clients wait for it when they open; from now on that is over at once.
  await verifyFast()
  const signatures = new Set<string>()
  const publicKeys = new Map<string, string>()
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
  const publicKey = (secretKey: Uint8Array) => {
    const name = hex(secretKey)
    const known = publicKeys.get(name)
    if (known !== undefined) return known
    const made = hex(library.getPublicKey(secretKey))
    if (publicKeys.size > 20_000) publicKeys.clear()
    publicKeys.set(name, made)
    return made
  }
  unsafeSignWith({
    publicKey,
    sign: (message, secretKey) => {
      const signature = hash("sha512", Buffer.concat([secretKey, message]))
      if (signatures.size > 200_000) signatures.clear()
      signatures.add(publicKey(secretKey) + hex(message) + signature)
      return signature
    },
    // Whoever knows both public keys could make it: no plan of ours listens in on gift wraps.
    conversationKey: (secretKey, pubkey) => {
      const both = [publicKey(secretKey), pubkey].sort().join()
      return new Uint8Array(hash("sha256", both, "buffer"))
    },
    sha256: (text) => new Uint8Array(hash("sha256", text, "buffer")),
  })
  // The id has been computed before this is asked.
  verifyWith((event) => signatures.has(event.pubkey + event.id + event.sig))
}
