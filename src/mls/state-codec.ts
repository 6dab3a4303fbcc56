// The stored form of a GroupState (no wire format: only this program reads it). Secret.

import { bytesToHex, equalBytes } from "./bytes.ts"
import {
  type Decoder,
  type Encoder,
  type Reader,
  Writer,
  decode,
  decodeCopied,
  encode,
} from "./codec.ts"
import { MlsError } from "./error.ts"
import { decodeExporterTree, encodeExporterTree } from "./exporter-tree.ts"
import { type Sender, decodeSender, encodeSender } from "./framing.ts"
import type { CachedProposal, EncodedGroupState, GroupState, OwnUpdate } from "./group-types.ts"
import {
  type EpochSecrets,
  type GroupContext,
  decodeGroupContext,
  encodeGroupContext,
} from "./key-schedule.ts"
import { decodeProposal, decodeReInit, encodeProposal, encodeReInit } from "./proposal-codec.ts"
import { decodeRatchetTree, encodeRatchetTree } from "./ratchet-tree-codec.ts"
import { decodeSecretTree, encodeSecretTree } from "./secret-tree.ts"
import { decodeTreePrivate, encodeTreePrivate } from "./tree-private.ts"
import { leafNode } from "./tree.ts"

/** First two bytes of the message keys. */
const FORMAT = 1
/** First two bytes of the epoch. Of the first format, an exporter tree is missing. */
const EPOCH_FORMAT = 2

/** Leaves of the largest tree that is read back. */
const MAX_LEAVES = 2 ** 20

const SECRETS = [
  "senderDataSecret",
  "encryptionSecret",
  "exporterSecret",
  "externalSecret",
  "confirmationKey",
  "membershipKey",
  "resumptionPsk",
  "epochAuthenticator",
  "initSecret",
] as const satisfies readonly (keyof EpochSecrets)[]

/**
 * A state as two byte strings, each with its version: one for the epoch, one for its message keys. Each is encoded when
 * it is read, since the keys change with every message and the epoch, with its tree, does not.
 */
export function encodeGroupState(state: GroupState): EncodedGroupState {
  return {
    get epoch() {
      return encodeEpoch(state)
    },
    get messageKeys() {
      return encodeMessageKeys(state)
    },
  }
}

/**
 * The state that was encoded. Work and memory are bounded by the length of the input. Throws `MlsError`
 * `state_decode` for bytes that are damaged, of another version, or of two different epochs.
 */
export function decodeGroupState(encoded: EncodedGroupState): GroupState {
  try {
    const epoch = decodeCopied(decodeEpoch, encoded.epoch)
    const keys = decodeCopied(decodeMessageKeys, encoded.messageKeys)
    return join(epoch, keys)
  } catch (error) {
    if (!(error instanceof MlsError) || error.code === "state_decode") throw error
    throw new MlsError("state_decode", `a stored state can't be read: ${error.message}`)
  }
}

function encodeEpoch(state: GroupState): Uint8Array {
  const epoch = new Writer()
  epoch.u16(EPOCH_FORMAT)
  epoch.optional(state.reInit, encodeReInit)
  encodeGroupContext(epoch, state.groupContext)
  epoch.opaque(encodeRatchetTree(state.tree))
  encodeTreePrivate(epoch, state.treePrivate)
  epoch.opaque(state.signaturePrivateKey)
  for (const name of SECRETS) epoch.opaque(state.epochSecrets[name])
  epoch.opaque(state.confirmationTag)
  epoch.opaque(state.interimTranscriptHash)
  epoch.vector(state.proposals.values(), encodeCached)
  encodeExporterTree(epoch, state.exporterTree)
  return epoch.finish()
}

function encodeMessageKeys(state: GroupState): Uint8Array {
  const keys = new Writer()
  keys.u16(FORMAT)
  keys.opaque(state.groupContext.groupId)
  keys.u64(state.groupContext.epoch)
  keys.opaque(encodeSecretTree(state.secretTree))
  return keys.finish()
}

type StoredEpoch = Omit<GroupState, "secretTree">

interface StoredKeys extends Pick<GroupState, "secretTree"> {
  readonly groupId: Uint8Array
  readonly epoch: bigint
}

function join(epoch: StoredEpoch, keys: StoredKeys): GroupState {
  const { groupId, epoch: number } = epoch.groupContext
  if (!equalBytes(groupId, keys.groupId) || number !== keys.epoch) {
    throw new MlsError("state_decode", "epoch and message keys do not belong together")
  }
  if (keys.secretTree.leafCount !== epoch.tree.nLeaves) {
    throw new MlsError("state_decode", "tree and secret tree differ in size")
  }
  if (leafNode(epoch.tree, epoch.ownLeafIndex) === undefined) {
    throw new MlsError("state_decode", "our leaf is not in the tree")
  }
  return { ...epoch, secretTree: keys.secretTree }
}

const decodeEpoch: Decoder<StoredEpoch> = (reader) => {
  const format = requireFormat(reader, EPOCH_FORMAT)
  const reInit = reader.optional(decodeReInit)
  const groupContext: GroupContext = decodeGroupContext(reader)
  const tree = decodeRatchetTree(reader.opaque(), MAX_LEAVES)
  const treePrivate = decodeTreePrivate(reader)
  return {
    reInit,
    groupContext,
    tree,
    treePrivate,
    ownLeafIndex: treePrivate.leafIndex,
    signaturePrivateKey: reader.opaque(),
    epochSecrets: decodeSecrets(reader),
    confirmationTag: reader.opaque(),
    interimTranscriptHash: reader.opaque(),
    proposals: new Map(
      reader.vector(decodeCached).map((cached) => [bytesToHex(cached.ref), cached]),
    ),
    exporterTree: format === 1 ? { subtrees: new Map() } : decodeExporterTree(reader),
  }
}

const decodeMessageKeys: Decoder<StoredKeys> = (reader) => {
  requireFormat(reader, FORMAT)
  return {
    groupId: reader.opaque(),
    epoch: reader.u64(),
    secretTree: decodeSecretTree(reader.opaque()),
  }
}

function requireFormat(reader: Reader, newest: number): number {
  const format = reader.u16()
  if (format < 1 || format > newest) {
    throw new MlsError("state_decode", `stored state format ${format}`)
  }
  return format
}

function decodeSecrets(reader: Reader): EpochSecrets {
  return {
    senderDataSecret: reader.opaque(),
    encryptionSecret: reader.opaque(),
    exporterSecret: reader.opaque(),
    externalSecret: reader.opaque(),
    confirmationKey: reader.opaque(),
    membershipKey: reader.opaque(),
    resumptionPsk: reader.opaque(),
    epochAuthenticator: reader.opaque(),
    initSecret: reader.opaque(),
    applicationExportSecret: new Uint8Array(),
  }
}

const encodeOwnUpdate: Encoder<OwnUpdate> = (writer, value) => {
  writer.opaque(value.encryptionPrivateKey)
  writer.opaque(value.signaturePrivateKey)
}

const decodeOwnUpdate: Decoder<OwnUpdate> = (reader) => ({
  encryptionPrivateKey: reader.opaque(),
  signaturePrivateKey: reader.opaque(),
})

const encodeCached: Encoder<CachedProposal> = (writer, value) => {
  writer.opaque(value.ref)
  writer.opaque(encode(encodeProposal, value.proposal))
  encodeSender(writer, value.sender)
  writer.optional(value.ownUpdate, encodeOwnUpdate)
}

const decodeCached: Decoder<CachedProposal> = (reader) => {
  const ref = reader.opaque()
  const proposal = decode(decodeProposal, reader.opaque())
  const sender: Sender = decodeSender(reader)
  const ownUpdate = reader.optional(decodeOwnUpdate)
  return { ref, proposal, sender, ...(ownUpdate && { ownUpdate }) }
}
