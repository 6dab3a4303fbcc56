// draft-ietf-hpke-pq §3, §4 on noble: ML-KEM, alone and with X25519, P-256 or P-384. Only suites that need it load this.

import { shake256 } from "@noble/hashes/sha3.js"
import { ml_kem1024_p384, ml_kem768_p256, ml_kem768_x25519 } from "@noble/post-quantum/hybrid.js"
import { ml_kem1024, ml_kem768 } from "@noble/post-quantum/ml-kem.js"
import { type EncapsulationBackEnd, promised } from "./back-end.ts"
import { concatBytes } from "./bytes.ts"
import { kemSuiteId } from "./labeled-hkdf.ts"
import type { PostQuantumName } from "./suites.ts"

/** Private keys are seeds: 64 bytes for ML-KEM alone, 32 for the hybrids. */
export function postQuantumBackEnd(name: PostQuantumName): EncapsulationBackEnd {
  switch (name) {
    case "ML-KEM-768":
      return backEnd(expanded(ml_kem768), 32, (ikm) => labeledDerive(0x0041, ikm, 64))
    case "ML-KEM-1024":
      return backEnd(expanded(ml_kem1024), 32, (ikm) => labeledDerive(0x0042, ikm, 64))
    // Beside ML-KEM's 32 bytes: three candidates for a scalar of P-256, one for P-384.
    case "MLKEM768-P256":
      return backEnd(withThreeCandidates, 128, (ikm) => labeledDerive(0x0050, ikm, 32))
    case "MLKEM1024-P384":
      return backEnd(ml_kem1024_p384, 80, (ikm) => labeledDerive(0x0051, ikm, 32))
    case "MLKEM768-X25519":
      return backEnd(ml_kem768_x25519, 64, (ikm) => labeledDerive(0x647a, ikm, 32))
    // draft-connolly-cfrg-xwing-kem §5.6: the seed is SHAKE-256 of the input, without a label.
    case "X-Wing":
      return backEnd(ml_kem768_x25519, 64, (ikm) => shake256(ikm, { dkLen: 32 }))
  }
}

/** What noble offers, its secret keys in the form of seeds. */
interface SeededKem {
  keygen(seed: Uint8Array): { publicKey: Uint8Array }
  encapsulate(
    publicKey: Uint8Array,
    randomness: Uint8Array,
  ): { cipherText: Uint8Array; sharedSecret: Uint8Array }
  decapsulate(cipherText: Uint8Array, seed: Uint8Array): Uint8Array
}

/** FIPS 203's decapsulation key is made of the seed for each use. */
function expanded(kem: typeof ml_kem768): SeededKem {
  return {
    keygen: (seed) => kem.keygen(seed),
    encapsulate: (publicKey, randomness) => kem.encapsulate(publicKey, randomness),
    decapsulate: (cipherText, seed) => kem.decapsulate(cipherText, kem.keygen(seed).secretKey),
  }
}

/** noble asks for a fourth candidate, which the draft's vectors do not have: zero, which is none. */
const withThreeCandidates: SeededKem = {
  keygen: (seed) => ml_kem768_p256.keygen(seed),
  encapsulate: (publicKey, randomness) =>
    ml_kem768_p256.encapsulate(publicKey, concatBytes(randomness, new Uint8Array(32))),
  decapsulate: (cipherText, seed) => ml_kem768_p256.decapsulate(cipherText, seed),
}

function backEnd(
  kem: SeededKem,
  randomSize: number,
  seedOf: (ikm: Uint8Array) => Uint8Array,
): EncapsulationBackEnd {
  return {
    randomSize,
    deriveKeyPair: (ikm) =>
      promised(() => {
        const privateKey = seedOf(ikm)
        return { privateKey, publicKey: kem.keygen(privateKey).publicKey }
      }),
    encapsulate: (publicKey, randomness) =>
      promised(() => {
        const { cipherText, sharedSecret } = kem.encapsulate(publicKey, randomness)
        return { kemOutput: cipherText, secret: sharedSecret }
      }),
    decapsulate: (privateKey, kemOutput) => promised(() => kem.decapsulate(kemOutput, privateKey)),
  }
}

/** §3: `SHAKE256.LabeledDerive(ikm, "DeriveKeyPair", "", length)` of the KEM with this number. */
function labeledDerive(hpkeId: number, ikm: Uint8Array, length: number): Uint8Array {
  const label = utf8("DeriveKeyPair")
  const input = concatBytes(
    ikm,
    utf8("HPKE-v1"),
    kemSuiteId(hpkeId),
    u16(label.length),
    label,
    u16(length),
  )
  return shake256(input, { dkLen: length })
}

const utf8 = (text: string) => new TextEncoder().encode(text)
const u16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff)
