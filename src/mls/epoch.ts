// RFC 9420 §8, §12.4.2: the hashes and secrets of the epoch that a commit begins.

import { inTurns } from "./batches.ts"
import { MlsError } from "./error.ts"
import { createExporterTree } from "./exporter-tree.ts"
import type { Extension } from "./extensions.ts"
import type { AuthenticatedContent } from "./framing.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import {
  type EpochSecrets,
  type GroupContext,
  deriveEpochSecrets,
  joinerSecret,
} from "./key-schedule.ts"
import { equalBytes } from "./bytes.ts"
import type { ReInit } from "./proposal-codec.ts"
import { type PreSharedKeyId, type Psk, pskSecret } from "./psk.ts"
import { createSecretTree } from "./secret-tree.ts"
import { confirmationTag, confirmedTranscriptHash, interimTranscriptHash } from "./transcript.ts"
import { treeHashing } from "./tree-hash.ts"
import type { TreePrivate } from "./tree-private.ts"
import type { RatchetTree } from "./tree.ts"

/** What a commit brings into the key schedule. */
export interface EpochInputs {
  /** Of the new epoch, with the confirmed transcript hash of the old one: `provisionalContext`. */
  readonly provisional: GroupContext
  /** The signed commit; its confirmation tag is not looked at. */
  readonly content: AuthenticatedContent
  /** The old epoch's, or the one that an ExternalInit gives. */
  readonly initSecret: Uint8Array
  /** `undefined`: the commit has no path. */
  readonly commitSecret: Uint8Array | undefined
  readonly psks: readonly Psk[]
}

export interface NewEpoch {
  readonly groupContext: GroupContext
  readonly epochSecrets: EpochSecrets
  readonly confirmationTag: Uint8Array
  readonly interimTranscriptHash: Uint8Array
  readonly joinerSecret: Uint8Array
  readonly pskSecret: Uint8Array
}

/** §8.1: "uint64 epoch". Whoever founds a group or shows it to others says which epoch it is in. */
const LAST_EPOCH = 2n ** 64n - 1n

/**
 * §12.4.1: what the path is encrypted under: all of the next GroupContext but its transcript hash. Throws `MlsError`
 * `unsupported` after the last epoch.
 */
export async function provisionalContext(
  ctx: MlsContext,
  current: GroupContext,
  next: { readonly tree: RatchetTree; readonly extensions: readonly Extension[] },
): Promise<GroupContext> {
  if (current.epoch >= LAST_EPOCH) {
    throw new MlsError("unsupported", "the group is in the last epoch that there can be", "8.1")
  }
  return {
    ...current,
    epoch: current.epoch + 1n,
    treeHash: await inTurns(treeHashing(ctx.crypto, next.tree)),
    extensions: next.extensions,
  }
}

/** §8: the new epoch's hashes, secrets and confirmation tag. */
export async function deriveEpoch(
  { crypto }: MlsContext,
  interim: Uint8Array,
  inputs: EpochInputs,
): Promise<NewEpoch> {
  const confirmed = await confirmedTranscriptHash(crypto, interim, inputs.content)
  const groupContext = { ...inputs.provisional, confirmedTranscriptHash: confirmed }
  const psk = pskSecret(crypto, inputs.psks)
  const joiner = joinerSecret(crypto, {
    initSecret: inputs.initSecret,
    // §8: the all-zero vector where the commit has no path.
    commitSecret: inputs.commitSecret ?? new Uint8Array(crypto.suite.hash.size),
    groupContext,
  })
  const epochSecrets = deriveEpochSecrets(crypto, {
    joinerSecret: joiner,
    pskSecret: psk,
    groupContext,
  })
  const tag = confirmationTag(crypto, epochSecrets.confirmationKey, confirmed)
  return {
    groupContext,
    epochSecrets,
    confirmationTag: tag,
    interimTranscriptHash: interimTranscriptHash(crypto, confirmed, tag),
    joinerSecret: joiner,
    pskSecret: psk,
  }
}

/** The keys of PSKs in order. Throws `MlsError` `psk_unknown`. */
export function resolvePsks(
  ctx: MlsContext,
  ids: readonly PreSharedKeyId[],
  state?: GroupState,
): Promise<Psk[]> {
  return Promise.all(
    ids.map(async (id) => {
      const secret = ownResumption(id, state) ?? (await ctx.psks?.psk(id))
      if (secret === undefined) throw new MlsError("psk_unknown", "a PSK is not known here", "8.4")
      return { id, secret }
    }),
  )
}

/** The resumption PSK of the epoch that `state` is in (§8.6). Those of older epochs are the store's. */
function ownResumption(id: PreSharedKeyId, state: GroupState | undefined) {
  if (state === undefined || id.kind !== "resumption") return undefined
  const { groupId, epoch } = state.groupContext
  return id.pskEpoch === epoch && equalBytes(id.pskGroupId, groupId)
    ? state.epochSecrets.resumptionPsk
    : undefined
}

export interface EpochEntry {
  readonly epoch: Omit<NewEpoch, "joinerSecret" | "pskSecret">
  readonly tree: RatchetTree
  readonly treePrivate: TreePrivate
  readonly signaturePrivateKey: Uint8Array
  /** Of the commit that begins the epoch: its ReInit. */
  readonly reInit?: ReInit | undefined
}

/** A member's state at the beginning of an epoch. */
export function enterEpoch(entry: EpochEntry): GroupState {
  const { epoch, tree, treePrivate } = entry
  const { encryptionSecret, applicationExportSecret } = epoch.epochSecrets
  return {
    groupContext: epoch.groupContext,
    tree,
    ownLeafIndex: treePrivate.leafIndex,
    // §9.2: what the trees grow from goes, so that used keys can't be derived again.
    epochSecrets: {
      ...epoch.epochSecrets,
      encryptionSecret: new Uint8Array(),
      applicationExportSecret: new Uint8Array(),
    },
    confirmationTag: epoch.confirmationTag,
    interimTranscriptHash: epoch.interimTranscriptHash,
    signaturePrivateKey: entry.signaturePrivateKey,
    proposals: new Map(),
    reInit: entry.reInit,
    treePrivate,
    secretTree: createSecretTree(encryptionSecret, tree.nLeaves),
    exporterTree: createExporterTree(applicationExportSecret),
  }
}
