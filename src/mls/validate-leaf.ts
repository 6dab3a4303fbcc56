// RFC 9420 §7.3: leaf node validation. Signatures are collected by the caller and verified in one batch.

import { appDataDictionary } from "./app-data.ts"
import { equalBytes, keyString } from "./bytes.ts"
import { decode } from "./codec.ts"
import { credentialType } from "./credential.ts"
import type { MlsCrypto, SignatureToVerify } from "./crypto.ts"
import { MlsError, type MlsErrorCode } from "./error.ts"
import {
  type Extension,
  type RequiredCapabilities,
  decodeRequiredCapabilities,
  findExtension,
  readOnce,
} from "./extensions.ts"
import type { LeafNode, LeafNodeSource } from "./leaf-node.ts"
import { readMultiCredential } from "./multi-credential.ts"
import { extensionTypes, protocolVersions } from "./registry.ts"
import { type CapabilityKind, supportString, typeString } from "./tree-index.ts"
import { type LeafIndex, leafToNode } from "./tree-math.ts"
import { type RatchetTree, memberCount } from "./tree.ts"
import { bindingChecks } from "./validate-bindings.ts"
import { missingWireFormats } from "./wire-formats.ts"

/** Signatures given to one `verifyAll`. */
const SIGNATURE_BATCH = 512

/** Leaves that are compared with the others at a time. */
const PART = 512

/** So many listed types are looked through; to make a set of them costs more. */
const FEW = 32

/** Extension types 1 to 5 and proposal types 1 to 7 are supported without being listed (§7.2). */
const LAST_DEFAULT: Record<CapabilityKind, number> = { extensions: 5, proposals: 7, credentials: 0 }

export interface LeafNodeChecks {
  /** What carries the leaf; absent for a leaf of a tree, which may have come from anywhere. */
  readonly source?: LeafNodeSource["kind"]
  /** Extensions of the GroupContext; absent for a key package outside a group. */
  readonly groupExtensions?: readonly Extension[]
  /** The leaf that this one replaces. */
  readonly replaced?: LeafNode
  /** Seconds since 1970. Without it lifetimes are not checked: an old leaf in a tree is legitimate. */
  readonly now?: number
  /** In seconds (§7.2). Default: any lifetime. */
  readonly maxLifetime?: number | undefined
}

/**
 * All rules of §7.3 that need no other member's leaf, but the signature (`leafNodeSignature`).
 * Throws `MlsError` with the code of the first rule that is broken, `invalid_public_key`, or `decode` or
 * `app_data_order` for its dictionary, or `decode` for its multi-credential.
 */
export function validateLeafNode(
  crypto: MlsCrypto,
  leaf: LeafNode,
  checks: LeafNodeChecks = {},
): void {
  const { capabilities } = leaf
  // §7.2: the capabilities include the version and cipher suite in use.
  must(
    capabilities.versions.includes(protocolVersions.mls10),
    "leaf_version_unsupported",
    "the leaf does not support MLS 1.0",
  )
  must(
    capabilities.cipherSuites.includes(crypto.suite.id),
    "leaf_suite_unsupported",
    "the leaf does not support the cipher suite",
  )
  // §7.2: the type of the leaf's credential is among those that it supports.
  must(
    supports(leaf, "credentials", credentialType(leaf.credential)),
    "leaf_credential_not_listed",
    "the leaf does not list its credential's type",
  )
  // §7.3: the extensions in the leaf are supported by it.
  const supportsExtension = supportOf(leaf, "extensions")
  for (const { type } of leaf.extensions) {
    must(
      supportsExtension(type),
      "leaf_extension_not_listed",
      `the leaf does not list its extension ${type}`,
    )
  }
  // Draft §4.6: "The entries in the component_data MUST be sorted", each id once.
  appDataDictionary(leaf.extensions)
  readMultiCredential(leaf.credential)
  checkSource(leaf, checks)
  if (checks.maxLifetime !== undefined) checkWholeLifetime(leaf, checks.maxLifetime)
  if (checks.now !== undefined) checkLifetime(leaf, checks.now)
  if (checks.groupExtensions !== undefined) checkGroup(leaf, checks.groupExtensions)
  // RFC 9180 §7.1.4: a key to which nothing can be sealed would stop every later commit.
  crypto.validateKemPublicKey(leaf.encryptionKey)
}

/**
 * The rules of §7.3 that compare a leaf with all others. The leaves are in the tree already, together with
 * all else that their commit changes. The cost does not depend on the size of the tree. Yields now and then.
 * Throws `MlsError` with the code of the rule, or `misuse` for a leaf that is blank.
 */
export function* leafChecksInTree(
  tree: RatchetTree,
  leaves: readonly LeafIndex[],
): Generator<undefined> {
  const { leafEncryptionKeys, parentEncryptionKeys, signatureKeys, credentialTypes } = tree.index
  for (const [i, at] of leaves.entries()) {
    if (i > 0 && i % PART === 0) yield
    // Not kept parsed: a Commit may add thousands.
    const leaf = tree.cell(leafToNode(at)).leafNodeOnce()
    if (leaf === undefined) throw new MlsError("misuse", `leaf ${at} is blank`)
    // §7.3: encryption_key and signature_key are unique among the members.
    must(
      leafEncryptionKeys.count(keyString(leaf.encryptionKey)) === 1,
      "leaf_encryption_key_not_unique",
      `leaf ${at} has another member's encryption key`,
    )
    // §12.2, §12.4.3.1: nor is it a parent's, or nobody could join any more.
    must(
      parentEncryptionKeys.count(keyString(leaf.encryptionKey)) === 0,
      "parent_key_not_unique",
      `leaf ${at} has the encryption key of a parent node`,
    )
    must(
      signatureKeys.count(keyString(leaf.signatureKey)) === 1,
      "leaf_signature_key_not_unique",
      `leaf ${at} has another member's signature key`,
    )
    // §7.3: every member supports the leaf's credential type, and the leaf those of all members.
    must(
      supportedByAll(tree, "credentials", Number(typeString(leaf.credential))),
      "leaf_credential_unsupported",
      `a member does not support the credential type of leaf ${at}`,
    )
    const supportsCredential = supportOf(leaf, "credentials")
    for (const type of credentialTypes.keys()) {
      must(
        supportsCredential(Number(type)),
        "leaf_credentials_in_use",
        `leaf ${at} does not support credential type ${type}, which a member uses`,
      )
    }
  }
  if (leaves.length > 0) yield* bindingChecks(tree)
}

/** The signature of a leaf, and its place for the error message. */
export interface LeafSignature {
  readonly leafIndex: number
  readonly check: SignatureToVerify
}

/** Throws `MlsError` `leaf_signature_invalid`. */
export async function verifyLeafSignatures(
  crypto: MlsCrypto,
  signatures: Iterable<LeafSignature>,
): Promise<void> {
  let batch: LeafSignature[] = []
  const verify = async (): Promise<void> => {
    const valid = await crypto.verifyAll(batch.map(({ check }) => check))
    batch.forEach(({ leafIndex }, i) => {
      must(
        valid[i] === true,
        "leaf_signature_invalid",
        `the signature of leaf ${leafIndex} is wrong`,
      )
    })
    batch = []
  }
  for (const signature of signatures) {
    batch.push(signature)
    if (batch.length === SIGNATURE_BATCH) await verify()
  }
  if (batch.length > 0) await verify()
}

/** Whether a leaf supports a type, listed or by default (§7.2). */
export function supports(leaf: LeafNode, kind: CapabilityKind, type: number): boolean {
  return isDefault(kind, type) || leaf.capabilities[kind].includes(type)
}

/** As `supports`, for many questions about one leaf: whoever made it may have listed thousands. */
function supportOf(leaf: LeafNode, kind: CapabilityKind): (type: number) => boolean {
  const listed = leaf.capabilities[kind]
  if (listed.length <= FEW) return (type) => supports(leaf, kind, type)
  const set = new Set(listed)
  return (type) => isDefault(kind, type) || set.has(type)
}

/** Whether every member supports a type. The cost does not depend on the size of the tree. */
export function supportedByAll(tree: RatchetTree, kind: CapabilityKind, type: number): boolean {
  if (isDefault(kind, type)) return true
  return tree.index.supported.count(supportString(kind, type)) === memberCount(tree)
}

/** The group's required_capabilities, empty where it has none (§11.1). Throws `MlsError` `decode`. */
export function requiredCapabilities(groupExtensions: readonly Extension[]): RequiredCapabilities {
  const extension = findExtension(groupExtensions, extensionTypes.requiredCapabilities)
  if (extension === undefined) return { extensions: [], proposals: [], credentials: [] }
  return decode(decodeRequiredCapabilities, extension.data)
}

/** What the group requires and is not there without being listed, each once: thousands may be, and for each leaf. */
const beyondDefault = readOnce((data): RequiredCapabilities => {
  const required = decode(decodeRequiredCapabilities, data)
  const listed = (kind: CapabilityKind) =>
    [...new Set(required[kind])].filter((type) => !isDefault(kind, type))
  return {
    extensions: listed("extensions"),
    proposals: listed("proposals"),
    credentials: listed("credentials"),
  }
})

function isDefault(kind: CapabilityKind, type: number): boolean {
  return type >= 1 && type <= LAST_DEFAULT[kind]
}

function checkSource(leaf: LeafNode, { source, replaced }: LeafNodeChecks): void {
  // §7.3: leaf_node_source is that of the object that carries the leaf.
  must(
    source === undefined || leaf.source.kind === source,
    "leaf_source",
    `a leaf made for ${leaf.source.kind} came in ${source ?? "a tree"}`,
  )
  // §7.3: the encryption key of an Update or Commit differs from the one that it replaces.
  must(
    replaced === undefined || !equalBytes(replaced.encryptionKey, leaf.encryptionKey),
    "leaf_encryption_key_unchanged",
    "the leaf keeps its encryption key",
  )
}

/** Throws `MlsError` `leaf_not_yet_valid` or `leaf_expired`; `now` in seconds since 1970. */
export function checkLifetime(leaf: LeafNode, now: number): void {
  if (leaf.source.kind !== "key_package") return
  const { notBefore, notAfter } = leaf.source.lifetime
  // §7.3: the current time is within the range of the lifetime field.
  const seconds = BigInt(Math.floor(now))
  must(notBefore <= seconds, "leaf_not_yet_valid", "the leaf's lifetime has not begun")
  must(seconds <= notAfter, "leaf_expired", "the leaf's lifetime is over")
}

function checkWholeLifetime(leaf: LeafNode, longest: number): void {
  if (leaf.source.kind !== "key_package") return
  const { notBefore, notAfter } = leaf.source.lifetime
  // §7.2: "reject any LeafNode where the total lifetime is longer than this duration".
  must(
    notBefore <= notAfter && Number(notAfter - notBefore) <= longest,
    "leaf_lifetime_too_long",
    "the leaf's lifetime is longer than is allowed here",
  )
}

function checkGroup(leaf: LeafNode, groupExtensions: readonly Extension[]): void {
  // §7.3, §11.1: what the group requires is listed in the capabilities.
  const extension = findExtension(groupExtensions, extensionTypes.requiredCapabilities)
  const required = extension && beyondDefault(extension)
  const rules = [
    ["extensions", "leaf_required_extension"],
    ["proposals", "leaf_required_proposal"],
    ["credentials", "leaf_required_credential"],
  ] as const
  for (const [kind, code] of rules) {
    const supportsType = supportOf(leaf, kind)
    for (const type of required?.[kind] ?? []) {
      must(supportsType(type), code, `the leaf lacks the required ${kind} ${type}`)
    }
  }
  // Draft §5: "wire formats that are mandatory for all MLS members of the group to support".
  const [format] = missingWireFormats(groupExtensions, leaf.extensions)
  must(
    format === undefined,
    "leaf_required_wire_format",
    `the leaf lacks the required wire format ${format}`,
  )
  // §7.2: a member supports all extensions of the GroupContext.
  const supportsExtension = supportOf(leaf, "extensions")
  for (const { type } of groupExtensions) {
    must(
      supportsExtension(type),
      "leaf_group_extension",
      `the leaf does not support the group's extension ${type}`,
    )
  }
}

function must(holds: boolean, code: MlsErrorCode, message: string): asserts holds {
  if (!holds) throw new MlsError(code, message, "7.3")
}
