// RFC 9420 §12.1, §12.4: proposals and commits as bytes.

import {
  type AppDataUpdate,
  type AppEphemeral,
  decodeAppDataUpdate,
  decodeAppEphemeral,
  encodeAppDataUpdate,
  encodeAppEphemeral,
} from "./app-data.ts"
import { atOnce } from "./batches.ts"
import type { Decoder, Encoder, Writer } from "./codec.ts"
import { MlsError } from "./error.ts"
import { type Extension, decodeExtensions, encodeExtensions } from "./extensions.ts"
import { type KeyPackage, decodeKeyPackage, encodeKeyPackage } from "./key-package.ts"
import { type LeafNode, decodeLeafNode, encodeLeafNode } from "./leaf-node.ts"
import { type PreSharedKeyId, decodePreSharedKeyId, encodePreSharedKeyId } from "./psk.ts"
import { proposalTypes } from "./registry.ts"
import { type UpdatePath, decodeUpdatePath, encodeUpdatePath } from "./update-path.ts"

type Types = typeof proposalTypes

/** `ReInit` (§12.1.5): the parameters of the group that is to follow. */
export interface ReInit {
  readonly groupId: Uint8Array
  readonly version: number
  readonly cipherSuite: number
  readonly extensions: readonly Extension[]
}

export const encodeReInit: Encoder<ReInit> = (writer, value) => {
  writer.opaque(value.groupId)
  writer.u16(value.version)
  writer.u16(value.cipherSuite)
  encodeExtensions(writer, value.extensions)
}

export const decodeReInit: Decoder<ReInit> = (reader) => ({
  groupId: reader.opaque(),
  version: reader.u16(),
  cipherSuite: reader.u16(),
  extensions: decodeExtensions(reader),
})

/** `Proposal` (§12.1, and the draft's). Of other types the end can't be found: they don't decode (`unsupported`). */
export type Proposal =
  | { readonly proposalType: Types["add"]; readonly keyPackage: KeyPackage }
  | { readonly proposalType: Types["update"]; readonly leafNode: LeafNode }
  /** `removed`: a leaf index, unchecked. */
  | { readonly proposalType: Types["remove"]; readonly removed: number }
  | { readonly proposalType: Types["psk"]; readonly psk: PreSharedKeyId }
  | ({ readonly proposalType: Types["reinit"] } & ReInit)
  | { readonly proposalType: Types["externalInit"]; readonly kemOutput: Uint8Array }
  | {
      readonly proposalType: Types["groupContextExtensions"]
      readonly extensions: readonly Extension[]
    }
  | ({ readonly proposalType: Types["appDataUpdate"] } & AppDataUpdate)
  | ({ readonly proposalType: Types["appEphemeral"] } & AppEphemeral)
  | { readonly proposalType: Types["selfRemove"] }

export const encodeProposal: Encoder<Proposal> = (writer, value) => {
  writer.u16(value.proposalType)
  switch (value.proposalType) {
    case proposalTypes.add:
      encodeKeyPackage(writer, value.keyPackage)
      break
    case proposalTypes.update:
      encodeLeafNode(writer, value.leafNode)
      break
    case proposalTypes.remove:
      writer.u32(value.removed)
      break
    case proposalTypes.psk:
      encodePreSharedKeyId(writer, value.psk)
      break
    case proposalTypes.reinit:
      encodeReInit(writer, value)
      break
    case proposalTypes.externalInit:
      writer.opaque(value.kemOutput)
      break
    case proposalTypes.groupContextExtensions:
      encodeExtensions(writer, value.extensions)
      break
    case proposalTypes.appDataUpdate:
      encodeAppDataUpdate(writer, value)
      break
    case proposalTypes.appEphemeral:
      encodeAppEphemeral(writer, value)
      break
    case proposalTypes.selfRemove:
      break
  }
}

/** Throws `MlsError` `decode`, or `unsupported` for a type of unknown content, whose end can't be found. */
export const decodeProposal: Decoder<Proposal> = (reader) => {
  const proposalType = reader.u16()
  switch (proposalType) {
    case proposalTypes.add:
      return { proposalType, keyPackage: decodeKeyPackage(reader) }
    case proposalTypes.update:
      return { proposalType, leafNode: decodeLeafNode(reader) }
    case proposalTypes.remove:
      return { proposalType, removed: reader.u32() }
    case proposalTypes.psk:
      return { proposalType, psk: decodePreSharedKeyId(reader) }
    case proposalTypes.reinit:
      return { proposalType, ...decodeReInit(reader) }
    case proposalTypes.externalInit:
      return { proposalType, kemOutput: reader.opaque() }
    case proposalTypes.groupContextExtensions:
      return { proposalType, extensions: decodeExtensions(reader) }
    case proposalTypes.appDataUpdate:
      return { proposalType, ...decodeAppDataUpdate(reader) }
    case proposalTypes.appEphemeral:
      return { proposalType, ...decodeAppEphemeral(reader) }
    case proposalTypes.selfRemove:
      return { proposalType }
    default:
      throw new MlsError("unsupported", `proposal type ${proposalType}`, "12.1")
  }
}

/** `ProposalOrRef` (§12.4). A reference is a `ProposalRef`: a hash. */
export type ProposalOrRef =
  | { readonly kind: "proposal"; readonly proposal: Proposal }
  | { readonly kind: "reference"; readonly ref: Uint8Array }

/** `ProposalOrRefType`. */
const OR_REF = { proposal: 1, reference: 2 } as const

const encodeProposalOrRef: Encoder<ProposalOrRef> = (writer, value) => {
  writer.u8(OR_REF[value.kind])
  if (value.kind === "proposal") encodeProposal(writer, value.proposal)
  else writer.opaque(value.ref)
}

const decodeProposalOrRef: Decoder<ProposalOrRef> = (reader) => {
  const type = reader.u8()
  if (type === OR_REF.proposal) return { kind: "proposal", proposal: decodeProposal(reader) }
  if (type === OR_REF.reference) return { kind: "reference", ref: reader.opaque() }
  throw new MlsError("decode", `neither a proposal nor a reference: ${type}`, "12.4")
}

/** `Commit` (§12.4). */
export interface Commit {
  readonly proposals: readonly ProposalOrRef[]
  readonly path: UpdatePath | undefined
}

/** Writes it in parts: a commit may add thousands. Yields between them. */
export function* commitEncoding(writer: Writer, value: Commit): Generator<undefined> {
  yield* writer.vectorInParts(value.proposals, encodeProposalOrRef)
  writer.optional(value.path, encodeUpdatePath)
}

export const encodeCommit: Encoder<Commit> = (writer, value) => {
  atOnce(commitEncoding(writer, value))
}

export const decodeCommit: Decoder<Commit> = (reader) => ({
  proposals: reader.vector(decodeProposalOrRef),
  path: reader.optional(decodeUpdatePath),
})
