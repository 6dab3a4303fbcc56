// draft-ietf-mls-extensions-10 §6.5: several credentials in one leaf, each bound to the leaf's key by a signature.

import { type Decoder, type Encoder, Writer, decode, encode } from "./codec.ts"
import {
  type Credential,
  credentialType,
  decodeCredential,
  encodeCredential,
} from "./credential.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import type { AuthenticationService } from "./group-types.ts"
import type { Capabilities } from "./leaf-node.ts"
import { credentialTypes, labels } from "./registry.ts"
import type { LeafIndex } from "./tree-math.ts"
import type { Member } from "./tree.ts"

/** `CredentialBinding`. */
export interface CredentialBinding {
  /** Of `credentialKey`; it need not be the group's. */
  readonly cipherSuite: number
  readonly credential: Credential
  readonly credentialKey: Uint8Array
  readonly signature: Uint8Array
}

/** "multi": every member must support and accept every binding; "weak-multi": those that it supports. */
export type MultiCredentialKind = "multi" | "weak-multi"

const TYPES = { multi: credentialTypes.multi, "weak-multi": credentialTypes.weakMulti } as const

export interface MultiCredential {
  readonly kind: MultiCredentialKind
  readonly bindings: readonly CredentialBinding[]
}

/** The credential of a leaf that holds these bindings. */
export function multiCredential(
  kind: MultiCredentialKind,
  bindings: readonly CredentialBinding[],
): Credential {
  const writer = new Writer()
  for (const binding of bindings) encodeBinding(writer, binding)
  return { kind: "unknown", type: TYPES[kind], data: writer.finish() }
}

/** What a multi-credential holds; `undefined` for a credential of another kind. Throws `MlsError` `decode`. */
export function readMultiCredential(credential: Credential): MultiCredential | undefined {
  if (credential.kind !== "unknown") return undefined
  const { type, data } = credential
  if (type !== TYPES.multi && type !== TYPES["weak-multi"]) return undefined
  const kind = type === TYPES.multi ? "multi" : "weak-multi"
  return { kind, bindings: decode((reader) => untilEnd(reader, decodeBinding), data) }
}

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
 * cryptography of a suite, `undefined` for one that is not supported. The leaves' capabilities must list the types of the
 * bindings' credentials where the kind is "multi"; that all members support the kind itself is RFC 9420 §7.3's rule, and that
 * they support the bindings is seen by `unsupportedMultiCredentials`.
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

/** One whose multi-credential another member can't verify as the draft demands. */
export interface UnsupportedCredential {
  /** Whose credential it is. */
  readonly holder: LeafIndex
  /** Who does not support it. */
  readonly member: LeafIndex
}

/**
 * What a service can't see from one leaf: the members who by their capabilities do not support the suites and credential
 * types of all bindings of another's "multi", or of any binding of a "weak-multi". To be asked of the members as a commit
 * leaves them, before it is taken. Throws `MlsError` `decode`.
 */
export function unsupportedMultiCredentials(members: Iterable<Member>): UnsupportedCredential[] {
  const all = [...members]
  // Nearly all members support the same, and bind credentials of the same types: what is the same is compared once.
  const alike = new Map<string, Member[]>()
  for (const member of all) {
    const { cipherSuites, credentials } = member.leafNode.capabilities
    const support = `${cipherSuites.join()}/${credentials.join()}`
    const others = alike.get(support)
    if (others === undefined) alike.set(support, [member])
    else others.push(member)
  }
  const known = new Map<string, readonly LeafIndex[]>()
  const unsupporting = (multi: MultiCredential): LeafIndex[] =>
    [...alike.values()]
      .filter(([one]) => one && !supportsBindings(one.leafNode.capabilities, multi))
      .flatMap((group) => group.map(({ leafIndex }) => leafIndex))
      .sort((a, b) => a - b)
  return all.flatMap(({ leafIndex: holder, leafNode }) => {
    const multi = readMultiCredential(leafNode.credential)
    if (multi === undefined) return []
    const types = multi.bindings.map((each) => [each.cipherSuite, credentialType(each.credential)])
    const demand = `${multi.kind} ${types.join(" ")}`
    const found = known.get(demand) ?? unsupporting(multi)
    known.set(demand, found)
    return found.map((member) => ({ holder, member }))
  })
}

function supportsBindings(
  { cipherSuites, credentials }: Capabilities,
  { kind, bindings }: MultiCredential,
): boolean {
  const supported = bindings.filter(
    ({ cipherSuite, credential }) =>
      cipherSuites.includes(cipherSuite) && credentials.includes(credentialType(credential)),
  )
  return kind === "multi" ? supported.length === bindings.length : supported.length > 0
}

function refused(message: string): MlsError {
  return new MlsError("credential_binding", message)
}

type BindingContent = Omit<CredentialBinding, "signature">

/** `CredentialBindingTBS`. */
function bindingTbs(binding: BindingContent, signatureKey: Uint8Array): Uint8Array {
  return encode<BindingContent>((writer, value) => {
    encodeBindingContent(writer, value)
    writer.opaque(signatureKey)
  }, binding)
}

const encodeBindingContent: Encoder<BindingContent> = (writer, value) => {
  writer.u16(value.cipherSuite)
  encodeCredential(writer, value.credential)
  writer.opaque(value.credentialKey)
}

const encodeBinding: Encoder<CredentialBinding> = (writer, value) => {
  encodeBindingContent(writer, value)
  writer.opaque(value.signature)
}

const decodeBinding: Decoder<CredentialBinding> = (reader) => ({
  cipherSuite: reader.u16(),
  credential: decodeCredential(reader),
  credentialKey: reader.opaque(),
  signature: reader.opaque(),
})

/** The elements of a vector whose length was read already. */
function untilEnd<T>(reader: Parameters<Decoder<T>>[0], element: Decoder<T>): T[] {
  const elements: T[] = []
  while (reader.remaining > 0) elements.push(element(reader))
  return elements
}
