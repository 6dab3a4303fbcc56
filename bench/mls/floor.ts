// What no implementation can do without when a group is joined: its members' signatures, verified.

import { decodeMlsMessage, wireFormats } from "../../src/mls/index.ts"
import { leafNodeTbs } from "../../src/mls/leaf-node.ts"
import { Writer } from "../../src/mls/codec.ts"
import type { Clock } from "./subject.ts"

interface Signed {
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
  const { subtle } = globalThis.crypto
  let elapsed = 0
  for (let start = 0; start < keyPackages.length; start += BATCH) {
    const signed = keyPackages.slice(start, start + BATCH).map(signedLeaf)
    const before = clock()
    const valid = await Promise.all(
      signed.map(async ({ publicKey, content, signature }) => {
        const key = await subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"])
        return subtle.verify("Ed25519", key, signature, content)
      }),
    )
    elapsed += clock() - before
    if (valid.includes(false)) throw new Error("a key package's leaf is not signed")
  }
  return elapsed
}

function signedLeaf(wire: Uint8Array): Signed {
  const message = decodeMlsMessage(wire)
  if (message.wireFormat !== wireFormats.keyPackage) throw new Error("no key package")
  const { leafNode } = message.keyPackage
  const content = new Writer()
  content.opaque(new TextEncoder().encode("MLS 1.0 LeafNodeTBS"))
  content.opaque(leafNodeTbs(leafNode))
  return {
    publicKey: leafNode.signatureKey.slice(),
    content: new Uint8Array(content.finish()),
    signature: leafNode.signature.slice(),
  }
}
