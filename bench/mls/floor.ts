// What no implementation can do without: signatures, verified by WebCrypto alone.

import { type KeyPackage, Writer, decodeMlsMessage, wireFormats } from "../../src/mls/index.ts"
import type { SignatureToVerify } from "../../src/mls/crypto.ts"
import { keyPackageSignature } from "../../src/mls/key-package.ts"
import { leafNodeSignature } from "../../src/mls/leaf-node.ts"
import type { Clock } from "./subject.ts"

/** A signature by Ed25519, and what it covers. */
export interface Signed {
  readonly publicKey: Uint8Array<ArrayBuffer>
  readonly content: Uint8Array<ArrayBuffer>
  readonly signature: Uint8Array<ArrayBuffer>
}

/** Signatures under way at the same time: more does not make WebCrypto faster. */
const BATCH = 512

/** Milliseconds in which WebCrypto verifies the leaf signatures of these key packages, each with its own key. */
export async function verificationFloor(
  keyPackages: readonly Uint8Array[],
  clock: Clock,
): Promise<number> {
  let elapsed = 0
  for (let start = 0; start < keyPackages.length; start += BATCH) {
    const signed = keyPackages.slice(start, start + BATCH).map((wire) => [leafOf(wire)])
    const before = clock()
    await verifyNatively(signed)
    elapsed += clock() - before
  }
  return elapsed
}

/** Both signatures of each of these key packages. */
export function bothSignatures(keyPackages: readonly KeyPackage[]): Signed[][] {
  return keyPackages.map((keyPackage) => [
    signedBy(leafNodeSignature(keyPackage.leafNode)),
    signedBy(keyPackageSignature(keyPackage)),
  ])
}

/** Lists of signatures by one key each, which is imported once. Throws if one is wrong. */
export async function verifyNatively(byKey: readonly (readonly Signed[])[]): Promise<void> {
  const { subtle } = globalThis.crypto
  const valid = await Promise.all(
    byKey.map(async (signed) => {
      const [first] = signed
      if (first === undefined) return true
      const key = await subtle.importKey("raw", first.publicKey, "Ed25519", false, ["verify"])
      const each = signed.map(({ content, signature }) =>
        subtle.verify("Ed25519", key, signature, content),
      )
      return (await Promise.all(each)).every(Boolean)
    }),
  )
  if (valid.includes(false)) throw new Error("a key package is not rightly signed")
}

function leafOf(wire: Uint8Array): Signed {
  const message = decodeMlsMessage(wire)
  if (message.wireFormat !== wireFormats.keyPackage) throw new Error("no key package")
  return signedBy(leafNodeSignature(message.keyPackage.leafNode))
}

/** With the content as it is signed (§5.1.2). */
function signedBy({ publicKey, label, content, signature }: SignatureToVerify): Signed {
  const writer = new Writer()
  writer.opaque(new TextEncoder().encode(`MLS 1.0 ${String(label)}`))
  writer.opaque(content)
  return {
    publicKey: publicKey.slice(),
    content: new Uint8Array(writer.finish()),
    signature: signature.slice(),
  }
}
