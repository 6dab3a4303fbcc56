// Members, trees and vectors for the tests of the tree.

import fc from "fast-check"
import { createCrypto } from "./backend.ts"
import { type Decoder, decode } from "./codec.ts"
import type { Credential } from "./credential.ts"
import type { KeyPair, MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import type { Extension } from "./extensions.ts"
import { type OwnKeyPackage, generateKeyPackage } from "./key-package.ts"
import {
  type Capabilities,
  type LeafNode,
  type LeafNodeContent,
  type LeafPosition,
  signLeafNode,
} from "./leaf-node.ts"
import { cipherSuite } from "./suites.ts"

export const NOW = 1_700_000_000
export const backends = ["webcrypto", "noble"] as const

export function cryptoOf(backend: (typeof backends)[number]): Promise<MlsCrypto> {
  return createCrypto({ suite: cipherSuite(0x0001), backend })
}

export const capabilities: Capabilities = {
  versions: [1],
  cipherSuites: [1],
  extensions: [],
  proposals: [],
  credentials: [1],
}

export const lifetime = { notBefore: BigInt(NOW - 3600), notAfter: BigInt(NOW + 86_400) }

export function identity(name: string) {
  return { kind: "basic", identity: new TextEncoder().encode(name) } as const
}

export interface MemberChanges {
  readonly credential?: Credential
  readonly capabilities?: Partial<Capabilities>
  readonly leafExtensions?: readonly Extension[]
  readonly lifetime?: { readonly notBefore: bigint; readonly notAfter: bigint }
  readonly signatureKeyPair?: KeyPair
}

export function member(
  crypto: MlsCrypto,
  name: string,
  changes: MemberChanges = {},
): Promise<OwnKeyPackage> {
  return generateKeyPackage(crypto, {
    credential: identity(name),
    lifetime,
    ...changes,
    capabilities: { ...capabilities, ...changes.capabilities },
  })
}

export function members(crypto: MlsCrypto, count: number): Promise<OwnKeyPackage[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => member(crypto, `member ${i}`)))
}

/** A leaf of `own` with other content, signed again. */
export function resigned(
  crypto: MlsCrypto,
  own: OwnKeyPackage,
  change: { readonly content: Partial<LeafNodeContent>; readonly position?: LeafPosition },
): Promise<LeafNode> {
  return signLeafNode(crypto, {
    content: { ...own.keyPackage.leafNode, ...change.content },
    signaturePrivateKey: own.signaturePrivateKey,
    ...(change.position && { position: change.position }),
  })
}

/** The code of the `MlsError` that `run` fails with. Anything else that is thrown fails the test. */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof MlsError) return error.code
    throw error
  }
  return "nothing thrown"
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"))
}

/**
 * Every truncation of `valid`, and many damaged versions of it, either decode or throw an `MlsError`.
 * Gives how many threw, so that a test can assert that damage is noticed.
 */
export function fuzzDecoder(decoder: Decoder<unknown>, valid: Uint8Array): number {
  let refused = 0
  const attempt = (bytes: Uint8Array): boolean => {
    try {
      decode(decoder, bytes)
    } catch (error) {
      if (!(error instanceof MlsError)) throw error
      refused++
    }
    return true
  }
  for (let length = 0; length < valid.length; length++) attempt(valid.subarray(0, length))
  const damage = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 4,
  })
  fc.assert(
    fc.property(damage, (flips) => {
      const bytes = valid.slice()
      for (const [at, mask] of flips) bytes[at] = (bytes[at] ?? 0) ^ mask
      return attempt(bytes)
    }),
    { numRuns: 500 },
  )
  return refused
}
