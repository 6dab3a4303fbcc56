// Everything that reads what relays, peers and files say. A new decoder must stand here: coverage.test.ts looks.

import { randomBytes } from "node:crypto"
import { nameOf } from "../../src/client/contacts.ts"
import { chatEvent, decodeAppEvent, encodeAppEvent } from "../../src/marmot/app-event.ts"
import { fromBase64, toBase64 } from "../../src/marmot/base64.ts"
import { decodeAppComponents } from "../../src/marmot/capabilities.ts"
import { decodeAdminPolicy, encodeAdminPolicy } from "../../src/marmot/components/admin-policy.ts"
import {
  decodeAgentTextStream,
  encodeAgentTextStream,
} from "../../src/marmot/components/agent-text-stream.ts"
import { decodeAvatarUrl, encodeAvatarUrl } from "../../src/marmot/components/avatar-url.ts"
import {
  decodeBlossomImage,
  encodeBlossomImage,
} from "../../src/marmot/components/blossom-image.ts"
import {
  decodeEncryptedMedia,
  decodeEncryptedMediaV1,
  encodeEncryptedMedia,
} from "../../src/marmot/components/encrypted-media.ts"
import {
  decodeGroupLifecycle,
  encodeGroupLifecycle,
} from "../../src/marmot/components/group-lifecycle.ts"
import {
  decodeGroupProfile,
  encodeGroupProfile,
} from "../../src/marmot/components/group-profile.ts"
import { validateGroupComponent } from "../../src/marmot/components/index.ts"
import {
  decodeMessageRetention,
  encodeMessageRetention,
} from "../../src/marmot/components/message-retention.ts"
import {
  decodeNostrRouting,
  encodeNostrRouting,
} from "../../src/marmot/components/nostr-routing.ts"
import {
  accountNamed,
  deviceOf,
  NOW,
  secretKeyOf,
  testCrypto,
} from "../../src/marmot/device.fixture.ts"
import { parseGroupEvent, sealGroupEvent } from "../../src/marmot/group-event.ts"
import { verifyIdentityProof } from "../../src/marmot/identity-proof.ts"
import {
  checkKeyPackageEvent,
  generateOwnKeyPackage,
  keyPackageOf,
  keyPackageTemplate,
} from "../../src/marmot/key-package-event.ts"
import { mediaTag, parseMediaTag } from "../../src/marmot/media.ts"
import { parseRecord, writeRecord } from "../../src/marmot/record-json.ts"
import { parseWelcomeRumor } from "../../src/marmot/welcome-event.ts"
import { encodeComponentsList, encodeMlsMessage, wireFormats } from "../../src/mls/index.ts"
import { parseNsec, parsePerson } from "../../src/nostr/address.ts"
import {
  type EventTemplate,
  finalizeEvent,
  hexToBytes,
  nip44Encrypt,
  type NostrEvent,
  parseEvent,
  parseRumor,
  parseVerifiedEvent,
  publicKeyOf,
  toRumor,
} from "../../src/nostr/event.ts"
import { parseFilter } from "../../src/nostr/filter.ts"
import { unwrap } from "../../src/nostr/gift-wrap.ts"
import { LocalSigner } from "../../src/nostr/local-signer.ts"
import { parseInboxList, parseRelayList } from "../../src/nostr/relay-lists.ts"
import { parseRelayMessage } from "../../src/nostr/relay-message.ts"
import { parseRelayUrl, relayUrlFromInput } from "../../src/nostr/relay-url.ts"
import { checkSignedEvent } from "../../src/nostr/signer.ts"

/** What takes bytes. Where `encode` is given, whatever is accepted must be written as it was read. */
export interface BytesDecoder {
  readonly name: string
  readonly samples: readonly Uint8Array[]
  readonly decode: (bytes: Uint8Array) => unknown
  readonly encode?: (value: never) => Uint8Array
}

/** What takes JSON values; text that only looks like JSON, too, where `text` is given. */
export interface ValueDecoder {
  readonly name: string
  readonly samples: readonly unknown[]
  readonly decode: (value: unknown) => unknown
  /** Only each so many-th damage is tried, where one costs several signatures. */
  readonly every?: number
}

export interface TextDecoderUnderTest {
  readonly name: string
  readonly samples: readonly string[]
  readonly decode: (text: string) => unknown
}

const component = <T>(
  name: string,
  decode: (bytes: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
  ...states: T[]
): BytesDecoder => ({
  name,
  decode,
  encode: encode,
  samples: states.map(encode),
})

const key = (byte: number, length = 32) => new Uint8Array(length).fill(byte)
const ada = accountNamed("ada")
const bo = secretKeyOf("bo")
const mediaPolicy = {
  mediaFormat: "encrypted-media-v2",
  allowedLocatorKinds: ["blossom-v1", "x"],
  defaultBlobEndpoints: [{ locatorKind: "blossom-v1", baseUrl: "https://blob.example/" }],
}
/** Frozen: nobody writes it any more. The two differ in a letter and in which addresses they allow. */
const mediaPolicyV1 = replaced(encodeEncryptedMedia(mediaPolicy), "media-v2", "media-v1")
const image = {
  imageHash: key(1),
  imageKey: key(2),
  imageNonce: key(3, 12),
  imageUploadKey: key(4),
  mediaType: "image/png",
}
const routing = { nostrGroupId: key(7), relays: ["wss://a.example", "wss://b.example"] }
const agentStream = {
  requiredRoles: 1,
  allowedRoles: 7,
  maxPlaintextFrameLength: 1000,
  replayTtlSeconds: 60,
  paddingBucketBytes: 16,
}
const avatar = { url: "https://a.example/x.png", dim: key(0x31, 3), thumbhash: key(5, 8) }

const crypto = await testCrypto()
const device = await deviceOf(crypto, "ada")
const own = await generateOwnKeyPackage(crypto, { device, now: NOW * 1000 })
const keyPackage = keyPackageTemplate(crypto, own, { slot: "5a".repeat(32), createdAt: NOW })
const message = encodeMlsMessage({ wireFormat: wireFormats.keyPackage, keyPackage: own.keyPackage })
const chat = chatEvent({ pubkey: ada, createdAt: NOW, content: "hello", tags: [["x", "y"]] })
const proven = {
  account: hexToBytes(ada),
  signaturePublicKey: device.signatureKeyPair.publicKey,
  ciphersuite: 1,
}

const groupComponents: readonly (readonly [number, Uint8Array])[] = [
  [0x8001, encodeGroupProfile({ name: "x", description: "y" })],
  [0x8002, encodeBlossomImage(image)],
  [0x8003, encodeAdminPolicy({ admins: [key(1)] })],
  [0x8004, encodeNostrRouting(routing)],
  [0x8005, encodeMessageRetention(86_400n)],
  [0x8006, encodeAgentTextStream(agentStream)],
  [0x8007, encodeAvatarUrl(avatar)],
  [0x8008, mediaPolicyV1],
  [0x800b, encodeEncryptedMedia(mediaPolicy)],
  [0x800c, encodeGroupLifecycle("active")],
]

export const bytesDecoders: readonly BytesDecoder[] = [
  component("decodeAppComponents", decodeAppComponents, encodeComponentsList, [1, 0x8001, 0x8009]),
  component("decodeGroupProfile", decodeGroupProfile, encodeGroupProfile, {
    name: "Bürrow",
    description: "d",
  }),
  component("decodeBlossomImage", decodeBlossomImage, encodeBlossomImage, image),
  component(
    "decodeAdminPolicy",
    decodeAdminPolicy,
    encodeAdminPolicy,
    { admins: [key(1)] },
    { admins: [key(1), key(2), key(9)] },
  ),
  component("decodeNostrRouting", decodeNostrRouting, encodeNostrRouting, routing),
  component("decodeMessageRetention", decodeMessageRetention, encodeMessageRetention, 0n, 86_400n),
  component("decodeAgentTextStream", decodeAgentTextStream, encodeAgentTextStream, agentStream),
  component("decodeAvatarUrl", decodeAvatarUrl, encodeAvatarUrl, avatar),
  component("decodeEncryptedMedia", decodeEncryptedMedia, encodeEncryptedMedia, mediaPolicy),
  {
    name: "decodeEncryptedMediaV1",
    decode: decodeEncryptedMediaV1,
    samples: [mediaPolicyV1],
  },
  component(
    "decodeGroupLifecycle",
    decodeGroupLifecycle,
    encodeGroupLifecycle,
    "active",
    "disbanded",
  ),
  ...Array.from([...groupComponents, [0xf000, key(3)] as const], ([id, sample]): BytesDecoder => ({
    name: "validateGroupComponent",
    decode: (bytes) => validateGroupComponent(id, bytes),
    samples: [sample],
  })),
  {
    name: "verifyIdentityProof",
    decode: (proof) => verifyIdentityProof(proof, proven),
    samples: [device.identityProof],
  },
  {
    name: "keyPackageOf",
    decode: keyPackageOf,
    encode: (value: typeof own.keyPackage) =>
      encodeMlsMessage({ wireFormat: wireFormats.keyPackage, keyPackage: value }),
    samples: [message],
  },
  {
    name: "decodeAppEvent",
    decode: (bytes) => decodeAppEvent(bytes, ada),
    samples: [encodeAppEvent(chat)],
  },
  {
    name: "parseRecord",
    decode: parseRecord,
    samples: [writeRecord({ a: key(1, 3), b: ["c"] })],
  },
]

const zeros = { id: "00".repeat(32), sig: "00".repeat(64), pubkey: ada }
/** The event that an attacker can make out of these fields: right in id and signature, whatever they say. */
const signed = (fields: unknown, secretKey = secretKeyOf("ada")): NostrEvent => {
  const { created_at, kind, tags, content } = parseEvent(
    typeof fields === "object" ? { ...zeros, ...fields } : fields,
  )
  return finalizeEvent({ created_at, kind, tags, content }, secretKey)
}
const template = (kind: number, tags: string[][], content: string): EventTemplate => ({
  created_at: NOW,
  kind,
  tags,
  content,
})
const welcome = template(
  444,
  [
    ["e", "ab".repeat(32)],
    ["relays", "wss://a.example", "wss://b.example"],
  ],
  toBase64(
    encodeMlsMessage({
      wireFormat: wireFormats.welcome,
      welcome: { cipherSuite: 1, secrets: [], encryptedGroupInfo: key(6, 40) },
    }),
  ),
)
const sealedGroupEvent = sealGroupEvent({
  key: key(1),
  message: key(2, 20),
  nostrGroupId: "cd".repeat(32),
  createdAt: NOW,
  expiration: BigInt(NOW + 60),
  random: (length) => new Uint8Array(randomBytes(length)),
})
const templateOf = ({ created_at, kind, tags, content }: EventTemplate) => ({
  created_at,
  kind,
  tags,
  content,
})
const attachment = mediaTag({
  version: "encrypted-media-v2",
  locators: [{ kind: "blossom-v1", value: `https://blob.example/${"ab".repeat(32)}.bin` }],
  ciphertextSha256: "ab".repeat(32),
  plaintextSha256: "cd".repeat(32),
  nonce: "ef".repeat(12),
  mediaType: "image/png",
  filename: "a b.png",
  dim: "1x2",
  thumbhash: undefined,
})
/** A tag as `parseEvent` lets it through: a list of texts. */
const tagOf = (value: unknown): readonly string[] =>
  signed(template(9, [value as string[]], "")).tags[0] ?? []

const addressedToBo = { kind: 1059, tags: [["p", publicKeyOf(bo)]] }
const seal = (content: string, fields: unknown = {}) =>
  signed({ ...template(13, [], content), ...(fields as object) })
const wrapOf = (text: string, fields: unknown = {}) => {
  const content = nip44Encrypt(secretKeyOf("wrap"), publicKeyOf(bo), text)
  return signed(
    { ...template(0, [], content), ...addressedToBo, ...(fields as object) },
    secretKeyOf("wrap"),
  )
}
const sealedFor = (text: string) => nip44Encrypt(secretKeyOf("ada"), publicKeyOf(bo), text)
const opened = (event: NostrEvent) => unwrap({ signer: new LocalSigner(bo), event })
const rumor = toRumor({ pubkey: ada, ...welcome })
const asText = (value: unknown) => JSON.stringify(value)

export const valueDecoders: readonly ValueDecoder[] = [
  { name: "parseEvent", decode: parseEvent, samples: [sealedGroupEvent] },
  { name: "parseVerifiedEvent", decode: parseVerifiedEvent, samples: [sealedGroupEvent] },
  { name: "parseRumor", decode: parseRumor, samples: [rumor] },
  {
    name: "checkSignedEvent",
    decode: (answer) => checkSignedEvent(welcome, ada, answer),
    samples: [signed(welcome)],
  },
  {
    name: "parseFilter",
    decode: parseFilter,
    samples: [{ kinds: [445], "#h": ["ab"], since: 1, limit: 5, authors: [ada] }],
  },
  {
    name: "parseGroupEvent",
    decode: (fields) => parseGroupEvent(signed(fields)),
    samples: [templateOf(sealedGroupEvent)],
  },
  {
    name: "checkKeyPackageEvent",
    decode: (fields) => checkKeyPackageEvent(crypto, signed(fields), NOW * 1000),
    samples: [templateOf(keyPackage)],
  },
  {
    name: "parseRelayList",
    decode: (fields) => parseRelayList(signed(fields)),
    samples: [
      template(
        10002,
        [
          ["r", "wss://a.example"],
          ["r", "wss://b.example", "write"],
        ],
        "",
      ),
    ],
  },
  {
    name: "parseInboxList",
    decode: (fields) => parseInboxList(signed(fields)),
    samples: [template(10050, [["relay", "wss://a.example"]], "")],
  },
  {
    name: "parseWelcomeRumor",
    decode: (fields) => parseWelcomeRumor(signed(fields)),
    samples: [templateOf(welcome)],
  },
  { name: "parseMediaTag", decode: (value) => parseMediaTag(tagOf(value)), samples: [attachment] },
  {
    name: "unwrap",
    every: 5,
    decode: (fields) => opened(wrapOf(asText(seal(sealedFor(asText(rumor)))), fields)),
    samples: [addressedToBo],
  },
  {
    name: "unwrap",
    every: 5,
    decode: (fields) => opened(wrapOf(asText(seal(sealedFor(asText(rumor)), fields)))),
    samples: [{ kind: 13, tags: [] }],
  },
  {
    name: "unwrap",
    every: 5,
    decode: (value) => opened(wrapOf(asText(value))),
    samples: [seal(sealedFor(asText(rumor)))],
  },
  {
    name: "unwrap",
    every: 5,
    decode: (value) => opened(wrapOf(asText(seal(sealedFor(asText(value)))))),
    samples: [rumor],
  },
]

const frames: readonly unknown[] = [
  ["EVENT", "s", sealedGroupEvent],
  ["EOSE", "s"],
  ["CLOSED", "s", "auth-required: x"],
  ["OK", "ab".repeat(32), true, ""],
  ["NOTICE", "x"],
  ["AUTH", "challenge"],
]

export const textDecoders: readonly TextDecoderUnderTest[] = [
  { name: "parseRelayMessage", decode: parseRelayMessage, samples: frames.map(asText) },
  {
    name: "decodeAppEvent",
    decode: (text) => decodeAppEvent(new TextEncoder().encode(text), ada),
    samples: [asText(chat)],
  },
  {
    name: "nameOf",
    decode: nameOf,
    samples: [asText({ name: "Ada", display_name: "Ada L." })],
  },
  { name: "fromBase64", decode: fromBase64, samples: ["AAECAw==", ""] },
  {
    name: "parsePerson",
    decode: parsePerson,
    samples: [ada, "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6"],
  },
  {
    name: "parseNsec",
    decode: parseNsec,
    samples: ["nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"],
  },
  { name: "parseRelayUrl", decode: parseRelayUrl, samples: ["wss://a.example"] },
  { name: "relayUrlFromInput", decode: relayUrlFromInput, samples: ["a.example"] },
]

function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const at = Buffer.from(bytes).indexOf(from)
  const copy = Uint8Array.from(bytes)
  copy.set(Buffer.from(to), at)
  return copy
}
