// How fast this machine's browser is by itself: the operations that nothing here can do without, one at a time.

import { ed25519, x25519 } from "@noble/curves/ed25519.js"
import { expand } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { median } from "../median.ts"

export interface Floor {
  readonly operation: string
  /** Microseconds, the median of many short measurements: others on the machine disturb few of them. */
  readonly here: number
  /** The same on the machine that the aims were set on. */
  readonly reference: number
}

/** Short ones are taken together: pages see the time in steps of a tenth of a millisecond. */
const STRETCH_MICROSECONDS = 2_000
const TIMES = 41

export async function measureFloor(): Promise<readonly Floor[]> {
  const { subtle } = crypto
  const data = new Uint8Array(100)
  const gcm = { name: "AES-GCM", iv: new Uint8Array(12) }
  const aes = await subtle.importKey("raw", new Uint8Array(16), "AES-GCM", false, ["encrypt"])
  const signer = await subtle.generateKey("Ed25519", false, ["sign", "verify"])
  const signature = await subtle.sign("Ed25519", signer.privateKey, data)
  const generate = () => subtle.generateKey("X25519", false, ["deriveBits"])
  const [own, peer] = await Promise.all([generate(), generate()])
  const agreement = { name: "X25519", public: peer.publicKey }
  const secret = ed25519.utils.randomSecretKey()
  const publicKey = ed25519.getPublicKey(secret)
  const nobleSignature = ed25519.sign(data, secret)
  const [mine, theirs] = [x25519.utils.randomSecretKey(), x25519.getPublicKey(secret)]
  const [prk, info, block] = [new Uint8Array(32), new Uint8Array(20), new Uint8Array(64)]
  const operations: readonly (readonly [string, number, () => unknown])[] = [
    ["Ed25519 verify", 50, () => subtle.verify("Ed25519", signer.publicKey, signature, data)],
    ["Ed25519 sign", 29, () => subtle.sign("Ed25519", signer.privateKey, data)],
    ["X25519", 41, () => subtle.deriveBits(agreement, own.privateKey, 256)],
    ["key pair", 55, generate],
    ["AES-128-GCM, 100 bytes", 4.8, () => subtle.encrypt(gcm, aes, data)],
    ["Ed25519 verify, noble", 427, () => ed25519.verify(nobleSignature, data, publicKey)],
    ["Ed25519 sign, noble", 309, () => ed25519.sign(data, secret)],
    ["X25519, noble", 501, () => x25519.getSharedSecret(mine, theirs)],
    ["HKDF-Expand, noble", 7.6, () => expand(sha256, prk, info, 32)],
    ["SHA-256 of 64 bytes, noble", 3.1, () => sha256(block)],
  ]
  const floor: Floor[] = []
  for (const [operation, reference, run] of operations) {
    const count = Math.ceil(STRETCH_MICROSECONDS / reference)
    floor.push({ operation, here: await timeOf(run, count), reference })
  }
  return floor
}

/** Microseconds of one `run`, of which `count` are measured together. */
async function timeOf(run: () => unknown, count: number): Promise<number> {
  const taken: number[] = []
  for (let i = 0; i < TIMES; i++) {
    const start = performance.now()
    for (let j = 0; j < count; j++) await run()
    taken.push(((performance.now() - start) / count) * 1000)
  }
  return median(taken)
}
