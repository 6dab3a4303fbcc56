import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { decode, encode } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { type FramedBody, type Sender, framedContentTbs } from "./framing.ts"
import type { GroupContext } from "./key-schedule.ts"
import { decodeMlsMessage, encodeMlsMessage } from "./message.ts"
import { type PrivateMessage, protectPrivate, unprotectPrivate } from "./private-message.ts"
import { decodeCommit, decodeProposal, encodeCommit, encodeProposal } from "./proposal-codec.ts"
import {
  type PublicMessage,
  contentSignature,
  protectPublic,
  unprotectPublic,
} from "./public-message.ts"
import { contentTypes, labels, proposalTypes, senderTypes, wireFormats } from "./registry.ts"
import { type SecretTree, createSecretTree } from "./secret-tree.ts"
import { leafIndex } from "./tree-math.ts"
import {
  bytes,
  hex,
  implemented,
  privateKey,
  vectorBackEnds,
  vectorCrypto,
} from "./vectors.fixture.ts"

interface MessageProtectionVector {
  readonly cipher_suite: number
  readonly group_id: string
  readonly epoch: number
  readonly tree_hash: string
  readonly confirmed_transcript_hash: string
  readonly signature_priv: string
  readonly signature_pub: string
  readonly encryption_secret: string
  readonly sender_data_secret: string
  readonly membership_key: string
  readonly proposal: string
  readonly proposal_priv: string
  readonly proposal_pub: string
  readonly commit: string
  readonly commit_priv: string
  readonly commit_pub: string
  readonly application: string
  readonly application_priv: string
}

const kinds = ["proposal", "commit", "application"] as const
type Kind = (typeof kinds)[number]

const member: Sender = { senderType: senderTypes.member, leafIndex: leafIndex(1) }
const isMember = () => true

withShared<MessageProtectionVector[]>("vectors/mls/message-protection.json", (vectors) => {
  describe.each(vectorBackEnds)("message-protection on %s", (backend) => {
    test.each(implemented(vectors))("suite $cipher_suite", async (vector) => {
      const epoch = epochOf(await vectorCrypto(vector, backend), vector)
      for (const kind of kinds) {
        await epoch.acceptPrivate(decodePrivate(vector[`${kind}_priv`]), kind)
        await epoch.acceptPrivate(await epoch.sendPrivate(kind), kind)
        if (kind === "application") continue
        await epoch.acceptPublic(decodePublic(vector[`${kind}_pub`]), kind)
        await epoch.acceptPublic(await epoch.sendPublic(kind), kind)
      }
    })
  })
})

const vector: MessageProtectionVector = {
  cipher_suite: 1,
  group_id: "0a",
  epoch: 3,
  tree_hash: "0b".repeat(32),
  confirmed_transcript_hash: "0c".repeat(32),
  signature_priv: "0d".repeat(32),
  signature_pub: "",
  encryption_secret: "0e".repeat(32),
  sender_data_secret: "0f".repeat(32),
  membership_key: "10".repeat(32),
  proposal: "000300000002",
  proposal_priv: "",
  proposal_pub: "",
  commit: "0000",
  commit_priv: "",
  commit_pub: "",
  application: "0102",
  application_priv: "",
}

describe.each(vectorBackEnds)("a PublicMessage on %s", (backend) => {
  const sent = async (kind: Kind) => {
    const epoch = epochOf(await vectorCrypto(vector, backend), vector)
    return { epoch, message: await epoch.sendPublic(kind) }
  }

  test.each(["groupId", "authenticatedData"] as const)(
    "with another %s is refused",
    async (field) => {
      const { epoch, message } = await sent("proposal")
      const content = { ...message.content, [field]: bytes("ff") }
      await expect(epoch.openPublic({ ...message, content })).rejects.toEqual(
        code("membership_tag"),
      )
    },
  )

  test("with a changed, shortened or missing membership tag is refused", async () => {
    const { epoch, message } = await sent("proposal")
    const tag = message.membershipTag ?? bytes("")
    for (const membershipTag of [flipped(tag, 31), tag.subarray(1), bytes(""), undefined]) {
      await expect(epoch.openPublic({ ...message, membershipTag })).rejects.toEqual(
        code("membership_tag"),
      )
    }
  })

  test("with another signature or confirmation tag is refused", async () => {
    const { epoch, message } = await sent("commit")
    const signature = flipped(message.auth.signature, 5)
    for (const change of [{ signature }, { confirmationTag: bytes("00") }]) {
      const auth = { ...message.auth, ...change }
      await expect(epoch.openPublic({ ...message, auth })).rejects.toEqual(code("membership_tag"))
    }
  })

  test("with application data is refused, though everything else is right", async () => {
    const { epoch, message } = await sent("application")
    await expect(epoch.openPublic(message)).rejects.toEqual(code("application_not_encrypted"))
  })

  test("from outside has no membership tag, and its signature binds what it should", async () => {
    const epoch = epochOf(await vectorCrypto(vector, backend), vector)
    const another = { ...epoch.context, treeHash: bytes("ff") }
    const senders = [
      { sender: { senderType: senderTypes.external, senderIndex: 7 }, bindsContext: false },
      { sender: { senderType: senderTypes.newMemberProposal }, bindsContext: false },
      { sender: { senderType: senderTypes.newMemberCommit }, bindsContext: true },
    ] as const
    for (const { sender, bindsContext } of senders) {
      const message = await epoch.sendPublic("commit", sender)
      expect(message.membershipTag).toBeUndefined()
      const wire = encodeMlsMessage({
        wireFormat: wireFormats.publicMessage,
        publicMessage: message,
      })
      expect(decodePublic(hex(wire))).toEqual(message)
      const content = await epoch.openPublic(message)
      const key = await epoch.publicKey()
      const { crypto, context } = epoch
      expect(await crypto.verify(contentSignature(content, context, key))).toBe(true)
      expect(await crypto.verify(contentSignature(content, another, key))).toBe(!bindsContext)
    }
  })
})

describe.each(vectorBackEnds)("a PrivateMessage on %s", (backend) => {
  const sent = async (kind: Kind = "application") => {
    const epoch = epochOf(await vectorCrypto(vector, backend), vector)
    return { epoch, message: await epoch.sendPrivate(kind) }
  }

  test.each(["groupId", "authenticatedData", "encryptedSenderData", "ciphertext"] as const)(
    "with one bit of %s changed does not open",
    async (field) => {
      const { epoch, message } = await sent()
      const last = message[field].length - 1
      const changed = { ...message, [field]: flipped(message[field], last) }
      await expect(epoch.openPrivate(changed)).rejects.toThrow(code("aead_failed"))
    },
  )

  test("with another epoch or content type does not open", async () => {
    const { epoch, message } = await sent()
    for (const change of [{ epoch: 4n }, { contentType: contentTypes.commit }]) {
      await expect(epoch.openPrivate({ ...message, ...change })).rejects.toThrow(
        code("aead_failed"),
      )
    }
  })

  test("too short for a sample or a tag does not open", async () => {
    const { epoch, message } = await sent()
    for (const length of [0, 1, 15, 16]) {
      const ciphertext = message.ciphertext.subarray(0, length)
      await expect(epoch.openPrivate({ ...message, ciphertext })).rejects.toThrow(
        code("aead_failed"),
      )
    }
  })

  test("opens once; a failure in between costs nothing", async () => {
    const { epoch, message } = await sent()
    const broken = { ...message, ciphertext: flipped(message.ciphertext, 40) }
    await expect(epoch.openPrivate(broken)).rejects.toThrow(code("aead_failed"))
    const { secretTree } = await epoch.openPrivate(message)
    const again = epoch.openPrivate(message, secretTree)
    await expect(again).rejects.toThrow(code("message_key_used"))
    // The tree before it was opened is a value: it is as it was.
    expect((await epoch.openPrivate(message)).content.content.sender).toEqual(member)
  })

  test("that comes late opens from either state, as often as its key is there", async () => {
    const epoch = epochOf(await vectorCrypto(vector, backend), vector)
    const first = await epoch.protectPrivate("application")
    const second = await epoch.protectPrivate("application", first.secretTree)
    const { secretTree } = await epoch.openPrivate(second.message)
    await epoch.openPrivate(first.message, secretTree)
    // Using a kept key does not overwrite it in the state that still has it.
    const late = await epoch.openPrivate(first.message, secretTree)
    const again = epoch.openPrivate(first.message, late.secretTree)
    await expect(again).rejects.toThrow(code("message_key_used"))
  })

  test("of somebody who is no member is refused", async () => {
    const { epoch, message } = await sent()
    const opening = epoch.openPrivate(message, epoch.secretTree, () => false)
    await expect(opening).rejects.toThrow(code("unknown_sender"))
  })

  test("is padded with zeros and with nothing else", async () => {
    const epoch = epochOf(await vectorCrypto(vector, backend), vector)
    const plain = await epoch.protectPrivate("application")
    const padded = await epoch.protectPrivate("application", epoch.secretTree, 100)
    expect(padded.message.ciphertext.length).toBe(plain.message.ciphertext.length + 100)
    await epoch.acceptPrivate(padded.message, "application")

    // A member of bad will, with all the keys, appends a byte that is not zero.
    const seal: MlsCrypto["aeadSeal"] = (key, nonce, aad, text) =>
      epoch.crypto.aeadSeal(
        key,
        nonce,
        aad,
        text.length > 100 ? flipped(text, text.length - 1) : text,
      )
    const hostile = { ...epoch.crypto, aeadSeal: seal }
    const { message } = await protectPrivate(hostile, await epoch.signed("application"), epoch, 100)
    await expect(epoch.openPrivate(message)).rejects.toThrow(code("padding_not_zero"))
  })

  test("can't be sent by anyone but a member", async () => {
    const epoch = epochOf(await vectorCrypto(vector, backend), vector)
    const sender = { senderType: senderTypes.newMemberCommit }
    const sealing = epoch.protectPrivate("commit", epoch.secretTree, 0, sender)
    await expect(sealing).rejects.toThrow(code("misuse"))
  })
})

test("wire formats and content bind each other", async () => {
  const epoch = epochOf(await vectorCrypto(vector, "noble"), vector)
  const { content } = await epoch.signed("proposal")
  const [publicly, privately] = [wireFormats.publicMessage, wireFormats.privateMessage].map(
    (format) => hex(framedContentTbs(format, content, epoch.context)),
  )
  expect(publicly).not.toBe(privately)
  expect(content).toMatchObject({ proposal: { proposalType: proposalTypes.remove, removed: 2 } })
})

/** One epoch with all its keys, seen by a sender and a receiver. */
function epochOf(crypto: MlsCrypto, source: MessageProtectionVector) {
  const context: GroupContext = {
    version: 1,
    cipherSuite: source.cipher_suite,
    groupId: bytes(source.group_id),
    epoch: BigInt(source.epoch),
    treeHash: bytes(source.tree_hash),
    confirmedTranscriptHash: bytes(source.confirmed_transcript_hash),
    extensions: [],
  }
  const senderDataSecret = bytes(source.sender_data_secret)
  const secretTree = createSecretTree(bytes(source.encryption_secret), 2)
  const membership = { groupContext: context, membershipKey: bytes(source.membership_key) }
  const signingKey = privateKey(source, source.signature_priv)

  const publicKey = async () => {
    if (source.signature_pub !== "") return bytes(source.signature_pub)
    // With this "randomness" the generated key is the one of the case.
    const generator = await vectorCrypto(source, "noble", () => signingKey)
    return (await generator.generateSignatureKeyPair()).publicKey
  }

  const signed = async (kind: Kind, sender = member, wireFormat = FORMATS.private) => {
    const authenticatedData = bytes("aa")
    const { groupId, epoch } = context
    const content = { groupId, epoch, sender, authenticatedData, ...bodyOf(kind, source) }
    const tbs = framedContentTbs(wireFormat, content, context)
    const signature = await crypto.sign(signingKey, labels.framedContentTbs, tbs)
    const confirmationTag = kind === "commit" ? crypto.hash(bytes("00")) : undefined
    return { wireFormat, content, auth: { signature, confirmationTag } }
  }

  const protect = async (kind: Kind, tree: SecretTree = secretTree, padding = 0, sender = member) =>
    protectPrivate(
      crypto,
      await signed(kind, sender),
      { senderDataSecret, secretTree: tree },
      padding,
    )

  const openPublic = (message: PublicMessage) => unprotectPublic(crypto, message, membership)
  const openPrivate = (message: PrivateMessage, tree = secretTree, known = isMember) =>
    unprotectPrivate(crypto, message, { senderDataSecret, secretTree: tree }, { isMember: known })

  const accept = async (content: Awaited<ReturnType<typeof openPublic>>, kind: Kind) => {
    const check = contentSignature(content, context, await publicKey())
    expect(await crypto.verify(check)).toBe(true)
    expect(hex(bodyBytes(content.content))).toBe(source[kind])
  }

  return {
    crypto,
    context,
    secretTree,
    senderDataSecret,
    publicKey,
    signed,
    openPublic,
    openPrivate,
    protectPrivate: protect,
    sendPublic: async (kind: Kind, sender = member) =>
      protectPublic(crypto, await signed(kind, sender, FORMATS.public), membership),
    sendPrivate: async (kind: Kind) => (await protect(kind)).message,
    acceptPublic: async (message: PublicMessage, kind: Kind) =>
      accept(await openPublic(message), kind),
    acceptPrivate: async (message: PrivateMessage, kind: Kind) =>
      accept((await openPrivate(message)).content, kind),
  }
}

type Format = typeof wireFormats.publicMessage | typeof wireFormats.privateMessage
const FORMATS: Readonly<Record<"public" | "private", Format>> = {
  public: wireFormats.publicMessage,
  private: wireFormats.privateMessage,
}

function bodyOf(kind: Kind, source: MessageProtectionVector): FramedBody {
  const contentType = contentTypes[kind]
  const content = bytes(source[kind])
  switch (contentType) {
    case contentTypes.application:
      return { contentType, applicationData: content }
    case contentTypes.proposal:
      return { contentType, proposal: decode(decodeProposal, content) }
    case contentTypes.commit:
      return { contentType, commit: decode(decodeCommit, content) }
  }
}

function bodyBytes(body: FramedBody): Uint8Array {
  switch (body.contentType) {
    case contentTypes.application:
      return body.applicationData
    case contentTypes.proposal:
      return encode(encodeProposal, body.proposal)
    case contentTypes.commit:
      return encode(encodeCommit, body.commit)
  }
}

function decodePublic(message: string): PublicMessage {
  const decoded = decodeMlsMessage(bytes(message))
  if (decoded.wireFormat !== wireFormats.publicMessage) throw new Error("no PublicMessage")
  return decoded.publicMessage
}

function decodePrivate(message: string): PrivateMessage {
  const decoded = decodeMlsMessage(bytes(message))
  if (decoded.wireFormat !== wireFormats.privateMessage) throw new Error("no PrivateMessage")
  return decoded.privateMessage
}

function flipped(input: Uint8Array, at: number): Uint8Array {
  return input.with(at, (input[at] ?? 0) ^ 1)
}

const code = (value: string): unknown => expect.objectContaining({ code: value })
