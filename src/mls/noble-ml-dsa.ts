// FIPS 204 on noble: ML-DSA, pure and with an empty context (draft-ietf-tls-mldsa). Only suites that need it load this.

import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js"
import { type SignatureBackEnd, promised } from "./back-end.ts"
import type { LatticeSignatureName } from "./suites.ts"

const SCHEMES = { "ML-DSA-44": ml_dsa44, "ML-DSA-65": ml_dsa65, "ML-DSA-87": ml_dsa87 } as const

/** Private keys are seeds of 32 bytes; the long form of a key is made for each use. */
export function mlDsaBackEnd(name: LatticeSignatureName): SignatureBackEnd {
  const scheme = SCHEMES[name]
  return {
    keyPair: (privateKey) =>
      promised(() => ({ privateKey, publicKey: scheme.keygen(privateKey).publicKey })),
    // §3.4: the deterministic variant, since randomness is the caller's.
    sign: (privateKey, message) =>
      promised(() =>
        scheme.sign(message, scheme.keygen(privateKey).secretKey, { extraEntropy: false }),
      ),
    verify: (publicKey, message, signature) =>
      promised(() => scheme.verify(signature, message, publicKey)),
  }
}
