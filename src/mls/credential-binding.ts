// draft-ietf-mls-extensions-10 §6.5: making and verifying the bindings of a multi-credential.

import { encode } from "./codec.ts"
import type { Credential } from "./credential.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import type { AuthenticationService } from "./group-types.ts"
import {
  type BindingContent,
  type CredentialBinding,
  encodeBindingContent,
  readMultiCredential,
} from "./multi-credential.ts"
import { labels } from "./registry.ts"

/** What `signCredentialBinding` binds together. */
export interface BindingToSign {
  readonly credential: Credential
  readonly credentialKeyPair: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }
  /** Of the leaf in which the credential will be. */
  readonly signatureKey: Uint8Array
}

/** A binding; `crypto` is of the credential's suite. */
export async function signCredentialBinding(
  crypto: MlsCrypto,
  { credential, credentialKeyPair, signatureKey }: BindingToSign,
): Promise<CredentialBinding> {
  const content = {
    cipherSuite: crypto.suite.id,
    credential,
    credentialKey: credentialKeyPair.publicKey,
  }
  const tbs = bindingTbs(content, signatureKey)
  const signature = await crypto.sign(credentialKeyPair.privateKey, labels.credentialBinding, tbs)
  return { ...content, signature }
}

/**
 * An authentication service that takes multi-credentials apart: every binding's signature is verified and its
 * credential shown to `inner` with its own key; other credentials go to `inner` as they are. `cryptoOf` gives the
 * cryptography of a suite, `undefined` for one that is not supported. That all members support what is bound is seen
 * without a service, from the leaves' capabilities (`credential_binding_unsupported`).
 * Refuses with `MlsError` `credential_binding`, or as `inner` does.
 */
export function multiCredentialService(
  inner: AuthenticationService,
  cryptoOf: (suite: number) => MlsCrypto | undefined,
  supports: (credential: Credential) => boolean = () => true,
): AuthenticationService {
  return {
    // Not spread: the methods of a class are not its instance's own, and without them less would be asked.
    ...(inner.validSuccessor && { validSuccessor: inner.validSuccessor.bind(inner) }),
    ...(inner.memberId && { memberId: inner.memberId.bind(inner) }),
    async validate(credential, signaturePublicKey, leafNode) {
      const multi = readMultiCredential(credential)
      if (multi === undefined) return inner.validate(credential, signaturePublicKey, leafNode)
      let accepted = 0
      for (const binding of multi.bindings) {
        const crypto = cryptoOf(binding.cipherSuite)
        if (crypto === undefined || !supports(binding.credential)) {
          // "Every member of the group supports the cipher suite and credential type values for the binding."
          if (multi.kind === "multi") throw refused("a binding is not supported here")
          continue
        }
        const valid = await crypto.verify({
          publicKey: binding.credentialKey,
          label: labels.credentialBinding,
          content: bindingTbs(binding, signaturePublicKey),
          signature: binding.signature,
        })
        if (!valid) throw refused("a binding's signature is wrong")
        await inner.validate(binding.credential, binding.credentialKey, leafNode)
        accepted++
      }
      // "Each member of the group supports at least one binding in the multi-credential."
      if (accepted === 0) throw refused("no binding is supported here")
    },
  }
}

/** `CredentialBindingTBS`. */
function bindingTbs(binding: BindingContent, signatureKey: Uint8Array): Uint8Array {
  return encode<BindingContent>((writer, value) => {
    encodeBindingContent(writer, value)
    writer.opaque(signatureKey)
  }, binding)
}

function refused(message: string): MlsError {
  return new MlsError("credential_binding", message)
}
