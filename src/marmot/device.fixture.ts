// Devices and accounts for the tests of this folder: deterministic keys, real proofs.

import { createHash } from "node:crypto"
import { cipherSuite, createCrypto, type MlsCrypto } from "../mls/index.ts"
import { finalizeEvent, publicKeyOf } from "../nostr/event.ts"
import type { DeviceIdentity } from "./engine-types.ts"
import { MarmotError } from "./error.ts"
import { identityProofFrom, identityProofTemplate } from "./identity-proof.ts"

/** Seconds. */
export const NOW = 1_780_000_000

/** Bytes that look random and are the same in every run. */
export function seededRandom(seed: string): (length: number) => Uint8Array {
  let counter = 0
  return (length) => {
    const blocks: Buffer[] = []
    for (let have = 0; have < length; have += 32) {
      blocks.push(createHash("sha256").update(`${seed}/${counter++}`).digest())
    }
    return new Uint8Array(Buffer.concat(blocks).subarray(0, length))
  }
}

export function secretKeyOf(name: string): Uint8Array {
  return seededRandom(`account ${name}`)(32)
}

export function accountNamed(name: string): string {
  return publicKeyOf(secretKeyOf(name))
}

export function testCrypto(): Promise<MlsCrypto> {
  return createCrypto({ suite: cipherSuite(1) })
}

/** A device of the account `name`, with a proof that the account signed. */
export async function deviceOf(crypto: MlsCrypto, name: string): Promise<DeviceIdentity> {
  const signatureKeyPair = await crypto.generateSignatureKeyPair()
  const key = { ciphersuite: 1, signaturePublicKey: signatureKeyPair.publicKey }
  const template = identityProofTemplate(key, NOW - 60)
  const pubkey = accountNamed(name)
  const identityProof = identityProofFrom(
    template,
    finalizeEvent(template, secretKeyOf(name)),
    pubkey,
  )
  return { pubkey, signatureKeyPair, identityProof }
}

/** The code of the `MarmotError` that `run` throws; anything else fails the test. */
export function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof MarmotError) return error.code
    throw error
  }
  throw new Error("nothing was thrown")
}

/** The same for what is asynchronous; any error with a code counts. */
export async function rejectionCode(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Error && "code" in error) return String(error.code)
    throw error
  }
  throw new Error("nothing was thrown")
}
