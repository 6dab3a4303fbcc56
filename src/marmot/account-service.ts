// Marmot identity (marmot-wire §3): the authentication service of every leaf, RFC 9420 §5.3.1.

import {
  type AuthenticationService,
  type Credential,
  type LeafNode,
  type MlsCrypto,
} from "../mls/index.ts"
import { compareBytes } from "./bytes.ts"
import { leafProof } from "./capabilities.ts"
import { MarmotError } from "./error.ts"
import { verifyIdentityProof } from "./identity-proof.ts"

/** Accepts a leaf whose account, by a basic credential, has authorised the leaf's signature key. */
export function accountService(crypto: MlsCrypto): AuthenticationService {
  const { id: ciphersuite } = crypto.suite
  return {
    validate(credential, signaturePublicKey, leafNode) {
      const account = accountOf(credential)
      // Only members speak in a Marmot group: an external sender has no leaf to carry a proof.
      if (leafNode === undefined)
        throw new MarmotError("invalid_identity", "a sender without a leaf")
      verifyIdentityProof(leafProof(leafNode), { account, signaturePublicKey, ciphersuite })
    },
    // §3.3: a leaf never changes its account.
    validSuccessor: (current: LeafNode, next: LeafNode) =>
      compareBytes(accountOf(current.credential), accountOf(next.credential)) === 0,
  }
}

/** The 32-byte x-only key of a basic credential. Throws `MarmotError` `invalid_identity`. */
export function accountOf(credential: Credential): Uint8Array {
  if (credential.kind !== "basic" || credential.identity.length !== 32) {
    throw new MarmotError("invalid_identity", "the credential is not a 32-byte Nostr key")
  }
  return credential.identity
}
