// RFC 9420 §12.1, §12.3: each proposal's own rules, and what a commit's proposals make of the group.

import { appDataDictionary, applyAppDataUpdates } from "./app-data.ts"
import { bytesToHex, equalBytes, keyString } from "./bytes.ts"
import { inTurns, ownStretch } from "./batches.ts"
import { decode, encode } from "./codec.ts"
import { encodeCredential } from "./credential.ts"
import { MlsError } from "./error.ts"
import {
  type Extension,
  decodeExternalSenders,
  findExtension,
  requireUniqueExtensions,
} from "./extensions.ts"
import type { AuthenticationService, GroupState, MlsContext, RemovedMember } from "./group-types.ts"
import { type LeafNode, leafNodeSignature } from "./leaf-node.ts"
import type { Proposal } from "./proposal-codec.ts"
import type { ProposalList } from "./proposals.ts"
import { extensionTypes, proposalTypes, protocolVersions } from "./registry.ts"
import { supportString } from "./tree-index.ts"
import type { LeafIndex } from "./tree-math.ts"
import {
  type RatchetTree,
  applyingProposals,
  leafNode,
  memberCount,
  nonBlankLeaves,
} from "./tree.ts"
import { type KnownSignatures, validateKeyPackages } from "./validate-key-package.ts"
import {
  checkLifetime,
  requiredCapabilities,
  supportedByAll,
  supports,
  validateLeafNode,
  verifyLeafSignatures,
} from "./validate-leaf.ts"
import { missingWireFormats } from "./wire-formats.ts"

/** The group before a commit. */
export type GroupBase = Pick<GroupState, "groupContext" | "tree">

/** The group after a commit's proposals and before its path. */
export interface AppliedProposals {
  readonly tree: RatchetTree
  readonly extensions: readonly Extension[]
  readonly added: readonly LeafIndex[]
  readonly removed: readonly RemovedMember[]
  /** Leaves that are new or changed: to be compared with all others once the path is in the tree. */
  readonly touched: readonly LeafIndex[]
}

/** What attempts to commit some of the same proposals have found out, so that the next need not. */
export interface EarlierAttempts {
  readonly signatures: KnownSignatures
  /** What the authentication service says of the leaves of Adds and Updates. */
  readonly authenticated: Map<LeafNode, Promise<void>>
}

/**
 * Checks every proposal of a list that has passed the list's own rules (§12.2), then applies them all.
 * Throws `MlsError` with the code of the rule that is broken.
 */
export async function applyProposals(
  ctx: MlsContext,
  state: GroupBase,
  list: ProposalList,
  earlier?: EarlierAttempts,
): Promise<AppliedProposals> {
  const { groupContext, tree } = state
  const removed = [...list.removes, ...list.selfRemoves].map((leaf) => removedMember(tree, leaf))
  checkTypes(tree, list, removed)
  await ownStretch(list.adds)
  checkAdds(tree, list, removed)
  await ownStretch(list.adds)
  checkPsks(ctx, state, list)
  // §12.1.5: "the version field is less than the protocol version in use".
  for (const { version } of list.reInits) {
    if (version < protocolVersions.mls10) {
      throw new MlsError("reinit_version", `ReInit to version ${version}`, "12.1.5")
    }
  }
  const extensions = nextExtensions(ctx, groupContext.extensions, list)
  if (extensions !== groupContext.extensions) checkGroupExtensions(extensions)
  await checkNewLeaves(ctx, state, { list, groupExtensions: extensions, earlier })
  const proposals = {
    updates: list.updates,
    removes: removed.map((member) => member.leafIndex),
    adds: list.adds.map((keyPackage) => keyPackage.leafNode),
  }
  const applied = await inTurns(applyingProposals(tree, proposals))
  // Also where an AppDataUpdate brings the dictionary (§13.4: what is in use is supported by all).
  if (extensions !== groupContext.extensions) checkSupport(applied.tree, extensions)
  return {
    ...applied,
    extensions,
    removed,
    touched: [...applied.added, ...list.updates.map((update) => update.leafIndex)],
  }
}

/** §11: what a GroupContext may hold. Throws `MlsError` `extension_duplicate`, `extension_misplaced`, `decode`. */
export function checkGroupExtensions(extensions: readonly Extension[]): void {
  requireUniqueExtensions(extensions)
  for (const { type } of extensions) {
    // §13.4, §17.3: these belong to a leaf or a GroupInfo.
    if (NOT_IN_GROUP_CONTEXT.has(type)) {
      throw new MlsError("extension_misplaced", `extension ${type} in a GroupContext`, "17.3")
    }
  }
  requiredCapabilities(extensions)
  externalSenders(extensions)
  appDataDictionary(extensions)
}

const NOT_IN_GROUP_CONTEXT: ReadonlySet<number> = new Set([
  extensionTypes.applicationId,
  extensionTypes.ratchetTree,
  extensionTypes.externalPub,
  extensionTypes.supportedWireFormats,
])

/** The group's external_senders, empty where it has none. Throws `MlsError` `decode`. */
export function externalSenders(extensions: readonly Extension[]) {
  const found = findExtension(extensions, extensionTypes.externalSenders)
  return found === undefined ? [] : decode(decodeExternalSenders, found.data)
}

/** §11.1, §12.1.7, §13.4: every member supports what the group's extensions are and demand. */
function checkSupport(tree: RatchetTree, extensions: readonly Extension[]): void {
  for (const { type } of extensions) {
    if (!supportedByAll(tree, "extensions", type)) {
      throw new MlsError("extension_unsupported", `not all support extension ${type}`, "12.1.7")
    }
  }
  if (findExtension(extensions, extensionTypes.requiredWireFormats) !== undefined) {
    for (const { leafNode: leaf } of nonBlankLeaves(tree)) {
      const [format] = missingWireFormats(extensions, leaf.extensions)
      if (format === undefined) continue
      throw new MlsError("required_wire_formats", `not all support wire format ${format}`)
    }
  }
  const required = requiredCapabilities(extensions)
  for (const kind of ["extensions", "proposals", "credentials"] as const) {
    for (const type of required[kind]) {
      if (!supportedByAll(tree, kind, type)) {
        throw new MlsError("required_capabilities", `not all support ${kind} ${type}`, "11.1")
      }
    }
  }
}

function removedMember(tree: RatchetTree, leaf: LeafIndex): RemovedMember {
  const found = leafNode(tree, leaf)
  // §12.1.3: "the removed field does not identify a non-blank leaf node".
  if (found === undefined) {
    throw new MlsError("remove_not_member", `leaf ${leaf} is no member`, "12.1.3")
  }
  return { leafIndex: leaf, leafNode: found, credential: found.credential }
}

/**
 * §7.3: "If the LeafNode appears in a message being sent by the client", it must be within its lifetime. Without a clock
 * that is not known. Throws `MlsError` `leaf_not_yet_valid` or `leaf_expired`.
 */
export function requireLifetime({ now }: MlsContext, proposal: Proposal): void {
  if (now === undefined || proposal.proposalType !== proposalTypes.add) return
  checkLifetime(proposal.keyPackage.leafNode, now)
}

/** §12.2: every member that processes the commit supports the types of its proposals. */
function checkTypes(
  tree: RatchetTree,
  list: ProposalList,
  removed: readonly RemovedMember[],
): void {
  const types = new Set(list.committed.map(({ proposal }) => proposal.proposalType))
  for (const type of types) {
    if (supportedByAll(tree, "proposals", type)) continue
    const supporting = tree.index.supported.count(supportString("proposals", type))
    const without = removed.filter((member) => !supports(member.leafNode, "proposals", type)).length
    // Members that the commit removes need not support the type.
    if (memberCount(tree) - supporting > without) {
      const message = `not all members support proposal type ${type}`
      throw new MlsError("proposal_type_unsupported", message, "12.2")
    }
  }
}

/** §12.2: no Add of a client that is a member and stays one; a client is told by its signature key. */
function checkAdds(tree: RatchetTree, list: ProposalList, removed: readonly RemovedMember[]): void {
  if (list.adds.length === 0) return
  // Of each there is one (§7.3).
  const leaving = new Set(removed.map((member) => keyString(member.leafNode.signatureKey)))
  for (const { leafNode: added } of list.adds) {
    const key = keyString(added.signatureKey)
    if (tree.index.signatureKeys.count(key) > 0 && !leaving.has(key)) {
      throw new MlsError("already_member", "an added client is a member already", "12.2")
    }
  }
}

/** §8.4, §12.1.4. */
function checkPsks(ctx: MlsContext, state: GroupBase, list: ProposalList): void {
  for (const psk of list.psks) {
    if (psk.pskNonce.length !== ctx.crypto.suite.hash.size) {
      throw new MlsError("psk_nonce", `a nonce of ${psk.pskNonce.length} bytes`, "8.4")
    }
    // Usages reinit and branch belong to the first commit of the group that comes of them (§11.2, §11.3).
    if (psk.kind === "resumption" && psk.usage !== "application" && state.groupContext.epoch > 0n) {
      throw new MlsError("psk_usage", `resumption PSK for ${psk.usage}`, "12.1.4")
    }
  }
}

/** §12.1.7, then the draft's §4.7. */
function nextExtensions(
  ctx: MlsContext,
  current: readonly Extension[],
  list: ProposalList,
): readonly Extension[] {
  const [replaced] = list.groupContextExtensions
  if (replaced !== undefined) checkDictionary(current, replaced)
  return applyAppDataUpdates(replaced ?? current, list.appDataUpdates, ctx.appDataUpdates)
}

/**
 * Draft §4.7: in a group that requires AppDataUpdate, before or after the commit, GroupContextExtensions
 * "MUST NOT add, remove, or modify" the dictionary. Its place in the list may change.
 */
function checkDictionary(current: readonly Extension[], next: readonly Extension[]): void {
  const requires = [current, next].some((extensions) =>
    requiredCapabilities(extensions).proposals.includes(proposalTypes.appDataUpdate),
  )
  if (!requires) return
  const before = findExtension(current, extensionTypes.appDataDictionary)?.data
  const after = findExtension(next, extensionTypes.appDataDictionary)?.data
  const same =
    before === undefined || after === undefined ? before === after : equalBytes(before, after)
  if (!same) throw new MlsError("app_data_direct_change", "the dictionary changes by itself")
}

interface NewLeaves {
  readonly list: ProposalList
  readonly groupExtensions: readonly Extension[]
  readonly earlier: EarlierAttempts | undefined
}

/** §12.1.1, §12.1.2, §7.3: the leaves of Adds and Updates, and what the authentication service says of them. */
async function checkNewLeaves(
  ctx: MlsContext,
  state: GroupBase,
  { list, groupExtensions, earlier }: NewLeaves,
): Promise<void> {
  const { crypto } = ctx
  const { groupId } = state.groupContext
  const checks = {
    groupExtensions,
    // §7.3: RECOMMENDED on receipt; without a clock the answer is the same for everyone.
    ...(ctx.now !== undefined && { now: ctx.now }),
    maxLifetime: ctx.limits?.maxLifetime,
  }
  await validateKeyPackages(crypto, list.adds, checks, earlier?.signatures)
  const replacements = list.updates.map((update) => {
    const replaced = leafNode(state.tree, update.leafIndex)
    if (replaced === undefined) {
      throw new MlsError("unknown_sender", `leaf ${update.leafIndex} is no member`, "12.1.2")
    }
    validateLeafNode(crypto, update.leafNode, { source: "update", groupExtensions, replaced })
    return { ...update, replaced }
  })
  await verifyLeafSignatures(
    crypto,
    replacements.map((update) => ({
      leafIndex: update.leafIndex,
      check: leafNodeSignature(update.leafNode, { groupId, leafIndex: update.leafIndex }),
    })),
  )
  const senders = newExternalSenders(state.groupContext.extensions, groupExtensions)
  // Without a service there is nobody to ask about thousands.
  if (ctx.auth === undefined) return
  await Promise.all([
    ...list.adds.map((keyPackage) => authenticateOnce(ctx, earlier, keyPackage.leafNode)),
    ...replacements.map((update) =>
      authenticateOnce(ctx, earlier, update.leafNode, update.replaced),
    ),
    ...senders.map(async ({ credential, signatureKey }) => {
      await ctx.auth?.validate(credential, signatureKey, undefined)
    }),
  ])
}

function authenticateOnce(
  ctx: MlsContext,
  earlier: EarlierAttempts | undefined,
  leaf: LeafNode,
  replaced?: LeafNode,
): Promise<void> {
  const answer = earlier?.authenticated.get(leaf) ?? authenticate(ctx, leaf, replaced)
  earlier?.authenticated.set(leaf, answer)
  return answer
}

/** §12.1.8.1: external senders are credentials too; those of a new list are asked about. */
function newExternalSenders(before: readonly Extension[], after: readonly Extension[]) {
  return before === after ||
    findExtension(before, extensionTypes.externalSenders) ===
      findExtension(after, extensionTypes.externalSenders)
    ? []
    : externalSenders(after)
}

/**
 * §5.3.1: a credential is validated whenever it comes into the group, and as the successor of the one that it
 * replaces. Throws what the service throws, or `MlsError` `credential_successor`.
 */
export async function authenticate(
  ctx: MlsContext,
  leaf: LeafNode,
  replaced?: LeafNode,
): Promise<void> {
  await ctx.auth?.validate(leaf.credential, leaf.signatureKey, leaf)
  if (replaced === undefined || ctx.auth?.validSuccessor === undefined) return
  requireSuccessor(await ctx.auth.validSuccessor(replaced, leaf))
}

/**
 * §12.4.3.2: as `authenticate`, of one who joins again and removes its former leaf. A service that has nothing to say
 * about successors leaves that to the same member: else whoever has the GroupInfo could remove anybody.
 */
export async function authenticateRejoining(
  ctx: MlsContext,
  leaf: LeafNode,
  former: LeafNode,
): Promise<void> {
  await authenticate(ctx, leaf, former)
  if (ctx.auth?.validSuccessor !== undefined) return
  requireSuccessor(memberIdOf(ctx.auth, leaf) === memberIdOf(ctx.auth, former))
}

/** Whom a leaf presents: as the service says, or by its credential. */
export function memberIdOf(auth: AuthenticationService | undefined, leaf: LeafNode): string {
  return auth?.memberId?.(leaf) ?? bytesToHex(encode(encodeCredential, leaf.credential))
}

function requireSuccessor(accepted: boolean): void {
  if (!accepted) {
    throw new MlsError("credential_successor", "the credential is no successor", "5.3.1")
  }
}
