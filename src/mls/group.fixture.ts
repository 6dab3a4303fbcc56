// Clients and groups for the tests of this folder.

import { sha256 } from "@noble/hashes/sha2.js"
import { createCrypto } from "./backend.ts"
import { concatBytes } from "./bytes.ts"
import type { MlsCrypto } from "./crypto.ts"
import type { Extension } from "./extensions.ts"
import { encodeRequiredCapabilities } from "./extensions.ts"
import { encode } from "./codec.ts"
import { MlsError } from "./error.ts"
import type { EncodedGroupState, GroupState, MlsContext } from "./group-types.ts"
import { type OwnKeyPackage, generateKeyPackage } from "./key-package.ts"
import type { Capabilities } from "./leaf-node.ts"
import type { Proposal, ProposalOrRef } from "./proposal-codec.ts"
import { type PublicMessage, protectPublic } from "./public-message.ts"
import {
  contentTypes,
  extensionTypes,
  labels,
  proposalTypes,
  senderTypes,
  wireFormats,
} from "./registry.ts"
import type { UpdatePath } from "./update-path.ts"
import {
  handshakeWireFormat,
  memberSender,
  protect,
  signAsMember,
  signContent,
} from "./member-message.ts"
import { decodeMlsMessage, encodeMlsMessage } from "./message.ts"
import { type FramedBody, type FramedContent, type Sender, framedContentTbs } from "./framing.ts"
import { encodeGroupState } from "./state-codec.ts"
import { cipherSuite } from "./suites.ts"
import { createCommit } from "./commit-create.ts"
import { createGroup } from "./group.ts"
import { joinGroup } from "./welcome.ts"
import { processMessage } from "./process.ts"

const NOW = 1_700_000_000
export const backends = ["webcrypto", "noble"] as const
export type Backend = (typeof backends)[number]

/** Deterministic "random" bytes, so that a failing session can be run again. */
function seededRandom(seed: string): (length: number) => Uint8Array {
  let counter = 0
  return (length) => {
    const blocks: Uint8Array[] = []
    for (let have = 0; have < length; have += 32) {
      blocks.push(sha256(new TextEncoder().encode(`${seed}/${counter++}`)))
    }
    return concatBytes(...blocks).slice(0, length)
  }
}

export async function testContext(backend: Backend, seed?: string): Promise<MlsContext> {
  const suite = cipherSuite(1)
  const crypto = await createCrypto({ suite, backend, ...(seed && { random: seededRandom(seed) }) })
  return { crypto, now: NOW }
}

export const capabilities: Capabilities = {
  versions: [1],
  cipherSuites: [1],
  extensions: [extensionTypes.appDataDictionary],
  proposals: [proposalTypes.appDataUpdate, proposalTypes.appEphemeral, proposalTypes.selfRemove],
  credentials: [1],
}

export interface KeyPackageChanges {
  readonly capabilities?: Capabilities
  readonly leafExtensions?: readonly Extension[]
  readonly extensions?: readonly Extension[]
  readonly signatureKeyPair?: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }
  readonly lifetime?: { readonly notBefore: bigint; readonly notAfter: bigint }
}

export function keyPackageOf(
  crypto: MlsCrypto,
  name: string,
  changes: KeyPackageChanges = {},
): Promise<OwnKeyPackage> {
  return generateKeyPackage(crypto, {
    credential: { kind: "basic", identity: new TextEncoder().encode(name) },
    capabilities,
    lifetime: { notBefore: BigInt(NOW - 3600), notAfter: BigInt(NOW + 86_400) },
    ...changes,
  })
}

/** required_capabilities of the kind that Marmot groups have. */
export const required: Extension = {
  type: extensionTypes.requiredCapabilities,
  data: encode(encodeRequiredCapabilities, {
    extensions: [extensionTypes.appDataDictionary],
    proposals: [proposalTypes.appDataUpdate, proposalTypes.selfRemove],
    credentials: [],
  }),
}

export const add = (own: OwnKeyPackage): Proposal => ({
  proposalType: proposalTypes.add,
  keyPackage: own.keyPackage,
})

/** A group whose members have these names, in leaf order; the first one made it. */
export async function groupOf(
  ctx: MlsContext,
  names: readonly string[],
  extensions: readonly Extension[] = [],
): Promise<GroupState[]> {
  const packages = await Promise.all(names.map((name) => keyPackageOf(ctx.crypto, name)))
  const [founder, ...others] = packages
  if (founder === undefined) throw new Error("a group needs a founder")
  const groupId = new TextEncoder().encode("group")
  const state = await createGroup(ctx, { groupId, keyPackage: founder, extensions })
  if (others.length === 0) return [state]
  const { next, welcome } = await createCommit(ctx, state, { proposals: others.map(add) })
  if (welcome === undefined) throw new Error("no welcome")
  const joined = await Promise.all(
    others.map(async (own) => (await joinGroup(ctx, { welcome, keyPackages: [own] })).state),
  )
  return [next, ...joined]
}

export interface ForgedCommit {
  readonly proposals?: readonly (Proposal | Uint8Array)[]
  readonly path?: UpdatePath
  readonly wireFormat?: "public" | "private"
}

/**
 * A commit that nobody checked: rightly signed and tagged by a member, with whatever proposals (a byte string is a
 * reference) and path, and a confirmation tag of zeros.
 */
export async function forgeCommit(
  ctx: MlsContext,
  state: GroupState,
  forged: ForgedCommit,
): Promise<Uint8Array> {
  const content = await signAsMember(ctx, state, {
    body: {
      contentType: contentTypes.commit,
      commit: { proposals: (forged.proposals ?? []).map(orRef), path: forged.path },
    },
    wireFormat: handshakeWireFormat(forged.wireFormat),
    authenticatedData: undefined,
  })
  const auth = { ...content.auth, confirmationTag: new Uint8Array(ctx.crypto.suite.hash.size) }
  return (await protect(ctx, state, { ...content, auth })).message
}

/** An external commit that nobody checked; `path` is that of a commit by anyone. */
export async function forgeExternalCommit(
  ctx: MlsContext,
  state: GroupState,
  forged: ForgedCommit & { readonly signaturePrivateKey: Uint8Array },
): Promise<Uint8Array> {
  const { content, auth } = await signContent(ctx.crypto, {
    body: {
      contentType: contentTypes.commit,
      commit: { proposals: (forged.proposals ?? []).map(orRef), path: forged.path },
    },
    sender: { senderType: senderTypes.newMemberCommit },
    wireFormat: wireFormats.publicMessage,
    groupContext: state.groupContext,
    authenticatedData: undefined,
    signaturePrivateKey: forged.signaturePrivateKey,
  })
  const confirmationTag = new Uint8Array(ctx.crypto.suite.hash.size)
  const publicMessage = { content, auth: { ...auth, confirmationTag }, membershipTag: undefined }
  return encodeMlsMessage({ wireFormat: wireFormats.publicMessage, publicMessage })
}

export interface ForgedContent {
  readonly body: FramedBody
  readonly sender?: Sender
  readonly wireFormat?: "public" | "private"
  readonly groupId?: Uint8Array
  readonly epoch?: bigint
  readonly authenticatedData?: Uint8Array
  readonly signaturePrivateKey?: Uint8Array
}

/** Any content from any sender, signed by `state`'s member or with the key that is given, and tagged. */
export async function forgeMessage(
  ctx: MlsContext,
  state: GroupState,
  forged: ForgedContent,
): Promise<Uint8Array> {
  const wireFormat = handshakeWireFormat(forged.wireFormat)
  const { groupContext } = state
  const content: FramedContent = {
    groupId: forged.groupId ?? groupContext.groupId,
    epoch: forged.epoch ?? groupContext.epoch,
    sender: forged.sender ?? memberSender(state),
    authenticatedData: forged.authenticatedData ?? new Uint8Array(),
    ...forged.body,
  }
  const key = forged.signaturePrivateKey ?? state.signaturePrivateKey
  const tbs = framedContentTbs(wireFormat, content, groupContext)
  const signature = await ctx.crypto.sign(key, labels.framedContentTbs, tbs)
  const confirmationTag =
    content.contentType === contentTypes.commit ? new Uint8Array(32) : undefined
  const authenticated = { wireFormat, content, auth: { signature, confirmationTag } }
  return (await protect(ctx, state, authenticated)).message
}

function orRef(item: Proposal | Uint8Array): ProposalOrRef {
  return item instanceof Uint8Array
    ? { kind: "reference", ref: item }
    : { kind: "proposal", proposal: item }
}

/** A PublicMessage of a member with changes, tagged again. */
export async function retagged(
  ctx: MlsContext,
  state: GroupState,
  bytes: Uint8Array,
  change: (message: PublicMessage) => PublicMessage,
): Promise<Uint8Array> {
  const message = decodeMlsMessage(bytes)
  if (message.wireFormat !== wireFormats.publicMessage) throw new Error("no PublicMessage")
  const { content, auth } = change(message.publicMessage)
  const { groupContext } = state
  const { membershipKey } = state.epochSecrets
  const publicMessage = await protectPublic(
    ctx.crypto,
    { wireFormat: message.wireFormat, content, auth },
    { groupContext, membershipKey },
  )
  return encodeMlsMessage({ wireFormat: message.wireFormat, publicMessage })
}

/** The state after a proposal was taken into its cache. */
export async function afterProposal(
  ctx: MlsContext,
  state: GroupState,
  message: Uint8Array,
): Promise<GroupState> {
  const result = await processMessage(ctx, state, message)
  if (result.kind !== "proposal") throw new Error(`a proposal was expected, not ${result.kind}`)
  return result.state
}

/** The successor after a commit; fails unless it is one. */
export async function afterCommit(
  ctx: MlsContext,
  state: GroupState,
  message: Uint8Array,
): Promise<GroupState> {
  const result = await processMessage(ctx, state, message)
  if (result.kind !== "commit" || result.next === undefined) {
    throw new Error(`a commit that leaves us in the group was expected, not ${result.kind}`)
  }
  return result.next
}

/** A state's bytes as they are now; `encodeGroupState` makes them when they are read. */
export function stored(state: GroupState): EncodedGroupState {
  const { epoch, messageKeys } = encodeGroupState(state)
  return { epoch, messageKeys }
}

/** The code of the `MlsError` that `run` fails with. Anything else that is thrown fails the test. */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof MlsError) return error.code
    throw error
  }
  return "nothing thrown"
}
