// RFC 9420 §11.2, §11.3: groups that follow another one, by reinitialisation or by branching.

import { memberIdOf } from "./apply-proposals.ts"
import { equalBytes } from "./bytes.ts"
import { encode } from "./codec.ts"
import { createCommit } from "./commit-create.ts"
import { MlsError } from "./error.ts"
import { encodeExtensions } from "./extensions.ts"
import { createGroup } from "./group.ts"
import type {
  AuthenticationService,
  BranchOptions,
  CreatedCommit,
  GroupState,
  MlsContext,
  Succession,
  SuccessorOptions,
} from "./group-types.ts"
import type { GroupContext } from "./key-schedule.ts"
import type { LeafNode } from "./leaf-node.ts"
import type { PreSharedKeyId } from "./psk.ts"
import { proposalTypes, protocolVersions } from "./registry.ts"
import { type RatchetTree, nonBlankLeaves } from "./tree.ts"

/**
 * A new group of some of a group's members, linked to its current epoch (§11.3). What is returned is the Commit that
 * nobody needs but its maker, the Welcome for the others and, as `next`, the new group. Throws `MlsError`
 * `successor_suite`, `successor_members`, or as `createGroup` and `createCommit`.
 */
export async function createBranch(
  ctx: MlsContext,
  parent: GroupState,
  options: BranchOptions,
): Promise<CreatedCommit> {
  requireSubset(ctx.auth, parent.tree, [
    options.keyPackage.keyPackage.leafNode,
    ...options.members.map((member) => member.leafNode),
  ])
  const { groupId, extensions } = options
  const { version, cipherSuite } = parent.groupContext
  const first = { version, cipherSuite, groupId, extensions }
  return createSuccessor(ctx, { parent, options, first, usage: "branch" })
}

/**
 * The group that a ReInit asked for, with the same members (§11.2). `ctx` is of the new group's cipher suite; the result
 * is as that of `createBranch`. Throws `MlsError` `not_reinitialised`, `unsupported` for another protocol version, and as
 * `createBranch`.
 */
export async function createReinitialized(
  ctx: MlsContext,
  parent: GroupState,
  options: SuccessorOptions,
): Promise<CreatedCommit> {
  const { reInit } = parent
  if (reInit === undefined) {
    throw new MlsError("not_reinitialised", "the group was not reinitialised", "11.2")
  }
  requireSuperset(ctx.auth, parent.tree, [
    options.keyPackage.keyPackage.leafNode,
    ...options.members.map((member) => member.leafNode),
  ])
  return createSuccessor(ctx, { parent, options, first: reInit, usage: "reinit" })
}

/** §12.4.3.1: what one who joins verifies of a group that says that it follows `parent`. */
export function verifySuccessor(
  ctx: MlsContext,
  parent: GroupState,
  joined: {
    readonly psk: SuccessionPsk
    readonly groupContext: GroupContext
    readonly tree: RatchetTree
  },
): void {
  const { groupContext, tree, psk } = joined
  const { groupId, epoch } = parent.groupContext
  // The referenced group is `parent`, and a reinitialised one is referred to in its last epoch.
  if (!equalBytes(psk.pskGroupId, groupId) || (psk.usage === "reinit" && psk.pskEpoch !== epoch)) {
    throw new MlsError("successor_parent", "it follows another group or epoch", "12.4.3.1")
  }
  const leaves = [...nonBlankLeaves(tree)].map((member) => member.leafNode)
  if (psk.usage === "branch") {
    // "verify that the version and cipher_suite of the new group match those of the old group"
    requireParameters(groupContext, { ...groupContext, ...suiteOf(parent.groupContext) })
    requireSubset(ctx.auth, parent.tree, leaves)
    return
  }
  // "verify that the last Commit to the referenced group contains a ReInit proposal"
  if (parent.reInit === undefined) {
    throw new MlsError("not_reinitialised", "the group was not reinitialised", "12.4.3.1")
  }
  requireParameters(groupContext, parent.reInit)
  requireSuperset(ctx.auth, parent.tree, leaves)
}

export type SuccessionPsk = Extract<PreSharedKeyId, { readonly kind: "resumption" }> & {
  readonly usage: Succession["usage"]
}

/** A PSK that links a new group to the one it follows. */
export function isSuccessionPsk(psk: PreSharedKeyId): psk is SuccessionPsk {
  return psk.kind === "resumption" && psk.usage !== "application"
}

/** A context whose PSK store knows the resumption PSK of `parent`'s epoch: an `EpochWindow`'s past states have none. */
export function withParent(ctx: MlsContext, parent: GroupState): MlsContext {
  const { groupId, epoch } = parent.groupContext
  if (parent.epochSecrets.resumptionPsk.length === 0) return ctx
  return {
    ...ctx,
    psks: {
      psk: (id) =>
        id.kind === "resumption" && id.pskEpoch === epoch && equalBytes(id.pskGroupId, groupId)
          ? parent.epochSecrets.resumptionPsk
          : ctx.psks?.psk(id),
    },
  }
}

type Parameters = Pick<GroupContext, "version" | "cipherSuite" | "groupId" | "extensions">

interface Founding {
  readonly parent: GroupState
  readonly options: SuccessorOptions
  readonly first: Parameters
  readonly usage: Succession["usage"]
}

async function createSuccessor(ctx: MlsContext, founding: Founding): Promise<CreatedCommit> {
  const { parent, options, first, usage } = founding
  const { crypto } = ctx
  if (crypto.suite.id !== first.cipherSuite) {
    const message = `crypto of suite ${crypto.suite.id} for a group of suite ${first.cipherSuite}`
    throw new MlsError("successor_suite", message)
  }
  if (first.version !== protocolVersions.mls10) {
    throw new MlsError("unsupported", `protocol version ${first.version}`, "11.2")
  }
  const { groupId, extensions } = first
  const group = await createGroup(ctx, { groupId, extensions, keyPackage: options.keyPackage })
  const psk: PreSharedKeyId = {
    kind: "resumption",
    usage,
    pskGroupId: parent.groupContext.groupId,
    pskEpoch: parent.groupContext.epoch,
    pskNonce: crypto.random(crypto.suite.hash.size),
  }
  return createCommit(withParent(ctx, parent), group, {
    proposals: [
      ...options.members.map((keyPackage) => ({
        proposalType: proposalTypes.add,
        keyPackage,
      })),
      { proposalType: proposalTypes.psk, psk },
    ],
    ...(options.forcePath !== undefined && { forcePath: options.forcePath }),
    ...(options.ratchetTree !== undefined && { ratchetTree: options.ratchetTree }),
  })
}

function suiteOf({ version, cipherSuite }: GroupContext) {
  return { version, cipherSuite }
}

/** Throws `MlsError` `successor_parameters`. */
function requireParameters(actual: GroupContext, expected: Parameters): void {
  const same =
    actual.version === expected.version &&
    actual.cipherSuite === expected.cipherSuite &&
    equalBytes(actual.groupId, expected.groupId) &&
    equalBytes(
      encode(encodeExtensions, actual.extensions),
      encode(encodeExtensions, expected.extensions),
    )
  if (!same) {
    const message = "the new group's parameters are not those agreed on"
    throw new MlsError("successor_parameters", message, "12.4.3.1")
  }
}

/** §11.3: "the members of the new group compose a subset of the members of the old group". */
function requireSubset(
  auth: AuthenticationService | undefined,
  old: RatchetTree,
  leaves: readonly LeafNode[],
): void {
  const known = new Set([...nonBlankLeaves(old)].map((member) => memberIdOf(auth, member.leafNode)))
  if (!leaves.every((leaf) => known.has(memberIdOf(auth, leaf)))) {
    const message = "a member of the branch is none of the old group"
    throw new MlsError("successor_members", message, "11.3")
  }
}

/** §12.4.3.1: "all the members of the old group are also members of the new group". */
function requireSuperset(
  auth: AuthenticationService | undefined,
  old: RatchetTree,
  leaves: readonly LeafNode[],
): void {
  const present = new Set(leaves.map((leaf) => memberIdOf(auth, leaf)))
  for (const member of nonBlankLeaves(old)) {
    if (present.has(memberIdOf(auth, member.leafNode))) continue
    const message = "a member of the old group is missing"
    throw new MlsError("successor_members", message, "12.4.3.1")
  }
}
