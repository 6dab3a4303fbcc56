// Messages of 64 KB, as bad as we know how to make them, from outside and from a malicious member: for a test that bounds
// what they make us allocate, and for `npm run bench:hostile`, which says how long each takes.

import { appDataExtension, componentIds, encodeComponentsList } from "./app-data.ts"
import { Writer, encode } from "./codec.ts"
import { missingComponents } from "./components.ts"
import { type Extension, encodeRequiredCapabilities } from "./extensions.ts"
import { add, capabilities, forgeCommit, keyPackageOf } from "./group.fixture.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import { encodeLeafNode } from "./leaf-node.ts"
import { decodeMlsMessage, encodeMlsMessage } from "./message.ts"
import type { Proposal } from "./proposal-codec.ts"
import { decodeRatchetTree } from "./ratchet-tree-codec.ts"
import { extensionTypes, labels, proposalTypes, protocolVersions, wireFormats } from "./registry.ts"
import { treeHash } from "./tree-hash.ts"
import { validateKeyPackage } from "./validate-key-package.ts"
import { groupInfoTbs } from "./welcome-codec.ts"
import { requiredWireFormats, supportedWireFormats } from "./wire-formats.ts"

export const SIZE = 65_536
const EMPTY = new Uint8Array()
/** One that says nothing, of an Update. */
const SILENT_LEAF = Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0])

const many = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => item(i))

/** A vector with as many of these items as 64 KB hold. */
function filled(item: (writer: Writer, index: number) => void): Uint8Array {
  const items = new Writer()
  for (let i = 0; items.view().length < SIZE - 600; i++) item(items, i)
  return items.finish()
}

function mlsMessage(wireFormat: number, body: (writer: Writer) => void): Uint8Array {
  const writer = new Writer()
  writer.u16(protocolVersions.mls10)
  writer.u16(wireFormat)
  body(writer)
  return writer.finish()
}

function keyPackage(parts: {
  readonly certificates?: Uint8Array
  readonly types?: Uint8Array
  readonly extensions?: Uint8Array
}): Uint8Array {
  return mlsMessage(wireFormats.keyPackage, (w) => {
    w.u16(1)
    w.u16(1)
    for (let i = 0; i < 3; i++) w.opaque(EMPTY)
    w.u16(parts.certificates === undefined ? 1 : 2)
    w.opaque(parts.certificates ?? EMPTY)
    w.opaque(parts.types ?? EMPTY)
    for (let i = 0; i < 4; i++) w.opaque(EMPTY)
    w.u8(2)
    w.opaque(parts.extensions ?? EMPTY)
    w.opaque(EMPTY)
    w.opaque(EMPTY)
    w.opaque(EMPTY)
  })
}

const extensions = () =>
  filled((w, i) => {
    w.u16(i)
    w.opaque(EMPTY)
  })

const components = (first: number) => [
  appDataExtension(
    new Map([[componentIds.appComponents, encodeComponentsList(many(30_000, (i) => first + i))]]),
  ),
]

/** Bytes that claim a vector of 2^30-1 bytes wherever one may begin. */
const claims = (wireFormat: number) =>
  mlsMessage(wireFormat, (w) => {
    for (let i = 0; i < 16; i++) w.u32(0xbfffffff)
  })

/** What anybody can send: what reads it, by what it is. */
export const fromOutside: Readonly<Record<string, () => unknown>> = {
  "a Welcome for 20,000": () =>
    decodeMlsMessage(
      mlsMessage(wireFormats.welcome, (w) => {
        w.u16(1)
        w.opaque(filled((each) => each.fixed(new Uint8Array(3))))
        w.opaque(EMPTY)
      }),
    ),
  "a KeyPackage with 20,000 extensions": () =>
    decodeMlsMessage(keyPackage({ extensions: extensions() })),
  "a KeyPackage with 60,000 certificates": () =>
    decodeMlsMessage(keyPackage({ certificates: filled((w) => w.opaque(EMPTY)) })),
  "a KeyPackage with 30,000 capabilities": () =>
    decodeMlsMessage(keyPackage({ types: filled((w, i) => w.u16(i)) })),
  "a tree of 60,000 blank nodes": () => decodeRatchetTree(blankTree(SILENT_LEAF)),
  "a leaf with 30,000 components, none of the 30,000 that the group requires": () =>
    missingComponents(components(0), components(30_000)),
  ...Object.fromEntries(
    Object.entries(wireFormats).map(([name, format]) => [
      `a ${name} with lengths of a gigabyte`,
      () => decodeMlsMessage(claims(format)),
    ]),
  ),
}

/** Blank but for its last node. */
function blankTree(leaf: Uint8Array): Uint8Array {
  const nodes = new Writer()
  for (let i = 0; i < 60_000; i++) nodes.u8(0)
  nodes.u8(1)
  nodes.u8(1)
  nodes.fixed(leaf)
  const writer = new Writer()
  writer.opaque(nodes.view())
  return writer.finish()
}

/** A GroupInfo that is in order, of a group whose only member stands behind 30,000 blank leaves. */
export async function blankGroup({ crypto }: MlsContext): Promise<Uint8Array> {
  const own = await keyPackageOf(crypto, "last")
  const data = blankTree(encode(encodeLeafNode, own.keyPackage.leafNode))
  const content = {
    groupContext: {
      version: protocolVersions.mls10,
      cipherSuite: crypto.suite.id,
      groupId: EMPTY,
      epoch: 0n,
      treeHash: treeHash(crypto, decodeRatchetTree(data)),
      confirmedTranscriptHash: EMPTY,
      extensions: [],
    },
    extensions: [{ type: extensionTypes.ratchetTree, data }],
    confirmationTag: EMPTY,
    signer: 30_000,
  }
  const tbs = groupInfoTbs(content)
  const signature = await crypto.sign(own.signaturePrivateKey, labels.groupInfoTbs, tbs)
  const groupInfo = { ...content, signature }
  return encodeMlsMessage({ wireFormat: wireFormats.groupInfo, groupInfo })
}

export interface MemberAttack {
  readonly title: string
  /** What a member that is not the attacker says to it. */
  readonly code: string
  /** Of the group, which it may have brought there by itself before. */
  readonly groupExtensions?: readonly Extension[]
  /** The commit; `attacker` is a member of the group. */
  readonly commit: (ctx: MlsContext, attacker: GroupState) => Promise<Uint8Array>
}

const proposing = (
  title: string,
  code: string,
  proposals: readonly (Proposal | Uint8Array)[],
): MemberAttack => ({
  title,
  code,
  commit: (ctx, attacker) => forgeCommit(ctx, attacker, { proposals }),
})

/** What a member can send, in a commit that is rightly signed. */
export const fromMembers: readonly MemberAttack[] = [
  proposing(
    "30,000 references to proposals",
    "unknown_proposal",
    many(30_000, () => EMPTY),
  ),
  proposing(
    "9,000 Removes",
    "leaf_conflict",
    many(9_000, () => ({ proposalType: proposalTypes.remove, removed: 1 })),
  ),
  proposing("20,000 group extensions", "extension_unsupported", [
    {
      proposalType: proposalTypes.groupContextExtensions,
      extensions: many(20_000, (i) => ({ type: i + 0x0a00, data: EMPTY })),
    },
  ]),
  proposing("30,000 required wire formats", "extension_unsupported", [
    {
      proposalType: proposalTypes.groupContextExtensions,
      extensions: [requiredWireFormats(many(30_000, (i) => i + 0x1000))],
    },
  ]),
  proposing(
    "9,000 updates of one component",
    "app_data_conflict",
    many(9_000, () => ({
      proposalType: proposalTypes.appDataUpdate,
      componentId: 0x8001,
      update: EMPTY,
    })),
  ),
  proposing(
    "9,000 updates of as many components",
    "confirmation_tag",
    many(9_000, (i) => ({
      proposalType: proposalTypes.appDataUpdate,
      componentId: i + 0x8000,
      update: EMPTY,
    })),
  ),
  proposing(
    "1,600 PSKs",
    "psk_unknown",
    many(1_600, (i) => ({
      proposalType: proposalTypes.psk,
      psk: {
        kind: "external",
        pskId: Uint8Array.of(i >> 8, i & 0xff),
        pskNonce: new Uint8Array(32),
      },
    })),
  ),
  {
    title: "a path of 20,000 nodes",
    code: "path_length",
    async commit(ctx, attacker) {
      const { leafNode } = (await keyPackageOf(ctx.crypto, "path")).keyPackage
      const nodes = many(20_000, () => ({ encryptionKey: EMPTY, encryptedPathSecret: [] }))
      return forgeCommit(ctx, attacker, { path: { leafNode, nodes } })
    },
  },
  {
    title: "as many Adds as there is room for, each in order",
    code: "confirmation_tag",
    commit: manyAdds,
  },
  {
    title: "the same where the group requires 30,000 times over what all support",
    code: "confirmation_tag",
    groupExtensions: [
      {
        type: extensionTypes.requiredCapabilities,
        data: encode(encodeRequiredCapabilities, {
          extensions: many(30_000, () => extensionTypes.requiredCapabilities),
          proposals: [],
          credentials: [],
        }),
      },
    ],
    commit: manyAdds,
  },
]

async function manyAdds(ctx: MlsContext, attacker: GroupState): Promise<Uint8Array> {
  const one = await keyPackageOf(ctx.crypto, "added 100")
  const count = Math.floor((SIZE - 600) / (one.bytes.length + 3))
  const packages = await Promise.all(many(count, (i) => keyPackageOf(ctx.crypto, `added ${i}`)))
  return forgeCommit(ctx, attacker, { proposals: packages.map(add) })
}

/** A KeyPackage, rightly signed, whose leaf has 10,000 extensions, which stand last among what it says it supports. */
export async function leafOfManyExtensions(ctx: MlsContext): Promise<() => Promise<void>> {
  const types = many(10_000, (i) => i + 0x1000)
  const { keyPackage } = await keyPackageOf(ctx.crypto, "many", {
    capabilities: {
      ...capabilities,
      extensions: [
        ...many(6_000, (i) => i + 0x8000),
        extensionTypes.supportedWireFormats,
        ...types,
      ],
    },
    leafExtensions: [...types.map((type) => ({ type, data: EMPTY })), supportedWireFormats([])],
  })
  return () => validateKeyPackage(ctx.crypto, keyPackage)
}
