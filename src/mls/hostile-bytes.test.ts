import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { type Decoder, type Encoder, decode, encode } from "./codec.ts"
import { MlsError } from "./error.ts"
import { decodeAuthenticatedContent, encodeAuthenticatedContent } from "./framing.ts"
import { decodeGroupContext, encodeGroupContext } from "./key-schedule.ts"
import { decodeMlsMessage, encodeMlsMessage } from "./message.ts"
import {
  type Commit,
  type Proposal,
  decodeCommit,
  decodeProposal,
  encodeCommit,
  encodeProposal,
} from "./proposal-codec.ts"
import { type PreSharedKeyId, decodePreSharedKeyId, encodePreSharedKeyId } from "./psk.ts"
import { contentTypes, proposalTypes, senderTypes, wireFormats } from "./registry.ts"
import {
  createSecretTree,
  decodeSecretTree,
  encodeSecretTree,
  messageKey,
  nextMessageKey,
} from "./secret-tree.ts"
import { leafIndex } from "./tree-math.ts"
import { bytes, hex, vectorCrypto } from "./vectors.fixture.ts"

const u16 = fc.nat(0xffff)
const u32 = fc.nat(0xffffffff)
const u64 = fc.bigInt(0n, 2n ** 64n - 1n)
const opaque = fc.uint8Array({ maxLength: 80 })

const extensions = fc.uniqueArray(fc.record({ type: u16, data: opaque }), {
  maxLength: 4,
  selector: ({ type }) => type,
})

const pskId: fc.Arbitrary<PreSharedKeyId> = fc.oneof(
  fc.record({ kind: fc.constant("external" as const), pskId: opaque, pskNonce: opaque }),
  fc.record({
    kind: fc.constant("resumption" as const),
    usage: fc.constantFrom("application" as const, "reinit" as const, "branch" as const),
    pskGroupId: opaque,
    pskEpoch: u64,
    pskNonce: opaque,
  }),
)

/** Every kind but those that hold a leaf node: these have their own tests, and come from the vectors below. */
const proposal: fc.Arbitrary<Proposal> = fc.oneof(
  fc.record({ proposalType: fc.constant(proposalTypes.remove), removed: u32 }),
  fc.record({ proposalType: fc.constant(proposalTypes.psk), psk: pskId }),
  fc.record({
    proposalType: fc.constant(proposalTypes.reinit),
    groupId: opaque,
    version: u16,
    cipherSuite: u16,
    extensions,
  }),
  fc.record({ proposalType: fc.constant(proposalTypes.externalInit), kemOutput: opaque }),
  fc.record({ proposalType: fc.constant(proposalTypes.groupContextExtensions), extensions }),
  fc.record({
    proposalType: fc.constant(proposalTypes.appDataUpdate),
    componentId: u16,
    update: fc.option(opaque, { nil: undefined }),
  }),
  fc.record({
    proposalType: fc.constant(proposalTypes.appEphemeral),
    componentId: u16,
    data: opaque,
  }),
  fc.record({ proposalType: fc.constant(proposalTypes.selfRemove) }),
)

const commit: fc.Arbitrary<Commit> = fc.record({
  proposals: fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("proposal" as const), proposal }),
      fc.record({ kind: fc.constant("reference" as const), ref: opaque }),
    ),
    { maxLength: 4 },
  ),
  path: fc.constant(undefined),
})

const sender = fc.oneof(
  fc.record({
    senderType: fc.constant(senderTypes.member),
    leafIndex: fc.nat(2 ** 29 - 1).map(leafIndex),
  }),
  fc.record({ senderType: fc.constant(senderTypes.external), senderIndex: u32 }),
  fc.record({ senderType: fc.constant(senderTypes.newMemberProposal) }),
  fc.record({ senderType: fc.constant(senderTypes.newMemberCommit) }),
)

const head = fc.record({ groupId: opaque, epoch: u64, sender, authenticatedData: opaque })
const wireFormat = fc.constantFrom(wireFormats.publicMessage, wireFormats.privateMessage)
const untagged = fc.record({ signature: opaque, confirmationTag: fc.constant(undefined) })

const authenticatedContent = fc.oneof(
  fc.tuple(wireFormat, head, untagged, opaque).map(([format, start, auth, applicationData]) => ({
    wireFormat: format,
    content: { ...start, contentType: contentTypes.application, applicationData },
    auth,
  })),
  fc.tuple(wireFormat, head, untagged, proposal).map(([format, start, auth, value]) => ({
    wireFormat: format,
    content: { ...start, contentType: contentTypes.proposal, proposal: value },
    auth,
  })),
  fc
    .tuple(wireFormat, head, fc.record({ signature: opaque, confirmationTag: opaque }), commit)
    .map(([format, start, auth, value]) => ({
      wireFormat: format,
      content: { ...start, contentType: contentTypes.commit, commit: value },
      auth,
    })),
)

const groupContext = fc.record({
  version: fc.constant(1),
  cipherSuite: u16,
  groupId: opaque,
  epoch: u64,
  treeHash: opaque,
  confirmedTranscriptHash: opaque,
  extensions,
})

/** Round trip, and then every truncation and a changed byte anywhere: a value or an `MlsError`, nothing else. */
function checkCodec<T>(values: fc.Arbitrary<T>, encoder: Encoder<T>, decoder: Decoder<T>): void {
  fc.assert(
    fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, place, mask) => {
      const coded = encode(encoder, value)
      expect(decode(decoder, coded)).toEqual(value)
      for (let length = 0; length < coded.length; length++) {
        expect(() => decode(decoder, coded.subarray(0, length))).toThrow(MlsError)
      }
      const longer = Uint8Array.from([...coded, 0])
      expect(() => decode(decoder, longer)).toThrow(MlsError)
      const at = place % coded.length
      const changed = coded.with(at, (coded[at] ?? 0) ^ mask)
      onlyCanonical(changed, (input) => encode(encoder, decode(decoder, input)))
    }),
  )
}

/** What is read at all is written again as it was: no value has two encodings. */
function onlyCanonical(input: Uint8Array, again: (input: Uint8Array) => Uint8Array): void {
  let output: Uint8Array
  try {
    output = again(input)
  } catch (error) {
    expect(error).toBeInstanceOf(MlsError)
    return
  }
  expect(hex(output)).toBe(hex(input))
}

describe("round trips, truncations and changed bytes", () => {
  test("PreSharedKeyID", () => {
    checkCodec(pskId, encodePreSharedKeyId, decodePreSharedKeyId)
  })
  test("Proposal", () => {
    checkCodec(proposal, encodeProposal, decodeProposal)
  })
  test("Commit", () => {
    checkCodec(commit, encodeCommit, decodeCommit)
  })
  test("AuthenticatedContent", () => {
    checkCodec(authenticatedContent, encodeAuthenticatedContent, decodeAuthenticatedContent)
  })
  test("GroupContext", () => {
    checkCodec(groupContext, encodeGroupContext, decodeGroupContext)
  })
})

const reencoded = (input: Uint8Array) => encodeMlsMessage(decodeMlsMessage(input))

test("arbitrary bytes as an MLSMessage give a value or an MlsError", () => {
  const start = fc.constantFrom(0, 1, 2, 3, 4, 5, 6).map((format) => [0, 1, 0, format])
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), (prefix, rest) => {
      onlyCanonical(Uint8Array.from([...prefix, ...rest]), reencoded)
    }),
    { numRuns: 2000 },
  )
})

test.each([
  ["another version", "00020001", "unsupported"],
  ["no wire format", "00010000", "unsupported"],
  ["an unknown wire format", "00010006", "unsupported"],
  ["sender type 5", "00010001000000000000000000050000", "decode"],
  ["content type 4", "000100020000000000000000000400", "decode"],
  ["a sender that no tree has", "000100010000000000000000000180000000000000", "invalid_index"],
])("an MLSMessage with %s is refused", (_name, message, code) => {
  const read = () => decodeMlsMessage(bytes(message))
  expect(read).toThrow(expect.objectContaining({ code }))
})

test.each([0x0000, 0x000b, 0x0a0a, 0xf000, 0xffff])(
  "a proposal of type %i has no end that could be found",
  (type) => {
    const inCommit = Uint8Array.from([4, 1, type >> 8, type & 0xff, 0, 0])
    const read = () => decode(decodeCommit, inCommit)
    expect(read).toThrow(expect.objectContaining({ code: "unsupported" }))
  },
)

withShared<Readonly<Record<string, string>>[]>("vectors/mls/messages.json", (vectors) => {
  const names = [
    "mls_welcome",
    "mls_group_info",
    "mls_key_package",
    "public_message_application",
    "public_message_proposal",
    "public_message_commit",
    "private_message",
  ]
  test.each(names)("messages: %s cut short or with a changed byte", (name) => {
    const inputs = fc.constantFrom(...vectors.map((vector) => bytes(vector[name] ?? "")))
    fc.assert(
      fc.property(inputs, fc.nat(), fc.integer({ min: 1, max: 255 }), (input, place, mask) => {
        const at = place % input.length
        expect(() => decodeMlsMessage(input.subarray(0, at))).toThrow(MlsError)
        onlyCanonical(input.with(at, (input[at] ?? 0) ^ mask), reencoded)
      }),
      { numRuns: 500 },
    )
  })
})

describe("a stored secret tree", () => {
  test.each([0, 3, 6, 2 ** 30, 2 ** 31, 0xffffffff])("of %i leaves is refused", (leafCount) => {
    const stored = encodeSecretTree({ ...createSecretTree(bytes("00"), 4), leafCount })
    expect(() => decodeSecretTree(stored)).toThrow(expect.objectContaining({ code: "decode" }))
  })

  test("of another format is refused", () => {
    const stored = encodeSecretTree(createSecretTree(bytes("00"), 4)).with(0, 2)
    expect(() => decodeSecretTree(stored)).toThrow(expect.objectContaining({ code: "unsupported" }))
  })

  test("damaged anywhere gives a tree whose use ends, or an MlsError", async () => {
    const crypto = await vectorCrypto({ cipher_suite: 1 }, "noble")
    const start = createSecretTree(new Uint8Array(32).fill(1), 8)
    const used = messageKey(crypto, start, leafIndex(5), "application", 3).tree
    const stored = encodeSecretTree(nextMessageKey(crypto, used, leafIndex(0), "handshake").tree)
    fc.assert(
      fc.property(fc.nat(stored.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        expect(() => decodeSecretTree(stored.subarray(0, at))).toThrow(MlsError)
        const use = () => {
          const tree = decodeSecretTree(stored.with(at, (stored[at] ?? 0) ^ mask))
          for (const leaf of [0, 2, 5, 7])
            messageKey(crypto, tree, leafIndex(leaf), "application", 4)
        }
        try {
          use()
        } catch (error) {
          expect(error).toBeInstanceOf(MlsError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
