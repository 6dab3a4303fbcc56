import { beforeAll, describe, expect, test } from "vitest"
import {
  appDataExtension,
  type Capabilities,
  encodeComponentsList,
  encodeMlsMessage,
  type Extension,
  generateKeyPackage,
  keyPackageRef,
  type MlsCrypto,
  type OwnKeyPackage,
  wireFormats,
} from "../mls/index.ts"
import {
  bytesToHex,
  type EventTemplate,
  finalizeEvent,
  hexToBytes,
  type NostrEvent,
} from "../nostr/event.ts"
import { fromBase64, toBase64 } from "./base64.ts"
import { keyPackageOptions } from "./capabilities.ts"
import {
  accountNamed,
  codeOf,
  deviceOf,
  NOW,
  rejectionCode,
  secretKeyOf,
  testCrypto,
} from "./device.fixture.ts"
import type { DeviceIdentity } from "./engine-types.ts"
import {
  checkKeyPackageEvent,
  generateOwnKeyPackage,
  keyPackageOf,
  keyPackageTemplate,
} from "./key-package-event.ts"

const MS = NOW * 1000
const SLOT = "5a".repeat(32)

let crypto: MlsCrypto
let device: DeviceIdentity
let own: OwnKeyPackage
let template: EventTemplate

beforeAll(async () => {
  crypto = await testCrypto()
  device = await deviceOf(crypto, "invitee")
  own = await generateOwnKeyPackage(crypto, { device, now: MS })
  template = keyPackageTemplate(crypto, own, { slot: SLOT, createdAt: NOW })
})

const sign = (change: Partial<EventTemplate> = {}): NostrEvent =>
  finalizeEvent({ ...template, ...change }, secretKeyOf("invitee"))

const retag = (name: string, ...replacement: string[][]): EventTemplate["tags"] =>
  template.tags.flatMap((tag) => (tag[0] === name ? replacement : [tag]))

const check = (event: NostrEvent, now = MS) => checkKeyPackageEvent(crypto, event, now)

interface Changes {
  readonly capabilities?: Partial<Capabilities>
  readonly lifetime?: { readonly notBefore: bigint; readonly notAfter: bigint }
  readonly leafExtensions?: readonly Extension[]
  readonly extensions?: readonly Extension[]
  readonly identity?: Uint8Array
}

/** An event whose tags fit its package, however strange. */
async function published(changes: Changes, created: { slot?: string; createdAt?: number } = {}) {
  const options = keyPackageOptions(device, NOW)
  const strange = await generateKeyPackage(crypto, {
    ...options,
    credential:
      changes.identity === undefined
        ? options.credential
        : { kind: "basic", identity: changes.identity },
    capabilities: { ...options.capabilities, ...changes.capabilities },
    lifetime: changes.lifetime ?? options.lifetime,
    leafExtensions: changes.leafExtensions ?? options.leafExtensions ?? [],
    extensions: changes.extensions ?? [],
  })
  const { slot = SLOT, createdAt = NOW } = created
  return finalizeEvent(
    keyPackageTemplate(crypto, strange, { slot, createdAt }),
    secretKeyOf("invitee"),
  )
}

const leafDictionary = (entries: readonly (readonly [number, Uint8Array])[]) => [
  appDataExtension(new Map(entries)),
]

describe("what we publish (marmot-wire §5, §7.6)", () => {
  test("the tags in the reference's order", () => {
    expect(template.kind).toBe(30443)
    expect(template.tags).toEqual([
      ["d", SLOT],
      ["mls_protocol_version", "1.0"],
      ["i", bytesToHex(keyPackageRef(crypto, own.keyPackage))],
      ["mls_ciphersuite", "0x0001"],
      ["mls_extensions", "0x0006", "0xf2d1"],
      ["mls_proposals", "0x0008", "0x000a"],
      [
        "app_components",
        ...["0x8001", "0x8002", "0x8003", "0x8004", "0x8005", "0x8006", "0x8007"],
        ...["0x8009", "0x800b", "0x800c"],
      ],
    ])
  })

  test("an MLSMessage, 84 days from an hour ago, for last resort", () => {
    const bytes = fromBase64(template.content)
    expect(bytesToHex(bytes.subarray(0, 4))).toBe("00010005")
    const { leafNode, extensions } = keyPackageOf(bytes)
    expect(leafNode.source).toEqual({
      kind: "key_package",
      lifetime: { notBefore: BigInt(NOW - 3600), notAfter: BigInt(NOW - 3600 + 7_257_600) },
    })
    expect(extensions).toEqual([{ type: 6, data: hexToBytes("03000400") }])
  })

  test("it passes our own checks", async () => {
    const event = sign()
    const checked = await check(event)
    expect(checked.invitee.pubkey).toBe(accountNamed("invitee"))
    expect(checked.invitee.keyPackageEventId).toBe(event.id)
    expect(toBase64(checked.invitee.keyPackage)).toBe(event.content)
    expect(checked.lastResort).toBe(true)
    expect(bytesToHex(checked.ref)).toBe(bytesToHex(keyPackageRef(crypto, own.keyPackage)))
  })

  test("a slot is 32 bytes in hex", () => {
    const params = { slot: "device", createdAt: NOW }
    expect(codeOf(() => keyPackageTemplate(crypto, own, params))).toBe("misuse")
  })
})

describe("tags (§7.1)", () => {
  const names = [
    ...["d", "mls_protocol_version", "i"],
    ...["mls_ciphersuite", "mls_extensions", "mls_proposals", "app_components"],
  ]
  const tagOf = (name: string) => [...(template.tags.find((tag) => tag[0] === name) ?? [])]

  test.each(names)(
    "%s may not be missing, repeated, without value or with one twice",
    async (name) => {
      const tag = tagOf(name)
      const broken = [[], [tag, tag], [[name]], [[...tag, tag[1] ?? ""]]]
      for (const replacement of broken) {
        expect(await rejectionCode(check(sign({ tags: retag(name, ...replacement) })))).toBe(
          "invalid_event",
        )
      }
    },
  )

  test.each([
    ["d", "ab", "invalid_event"],
    ["d", SLOT.toUpperCase(), "invalid_event"],
    ["i", "00".repeat(32), "key_package_reference"],
    ["mls_protocol_version", "1.1", "key_package_incompatible"],
    ["mls_ciphersuite", "0x0002", "key_package_incompatible"],
    ["mls_ciphersuite", "1", "invalid_event"],
    ["mls_extensions", "0xf2d1", "key_package_incompatible"],
    ["mls_extensions", "0xF2D1", "invalid_event"],
    ["mls_proposals", "0x000a", "key_package_incompatible"],
    ["app_components", "0x8003", "key_package_incompatible"],
    ["app_components", "", "invalid_event"],
  ])("%s = %j: %s", async (name, value, code) => {
    expect(await rejectionCode(check(sign({ tags: retag(name, [name, value]) })))).toBe(code)
  })

  test("other tags, such as an encoding, change nothing", async () => {
    const tags = [...template.tags, ["encoding", "hex"], ["client", "other"]]
    expect((await check(sign({ tags }))).lastResort).toBe(true)
  })
})

describe("content", () => {
  test.each([
    ["another kind", () => sign({ kind: 443 }), "invalid_event"],
    ["no base64", () => sign({ content: "?" }), "invalid_encoding"],
    ["nothing", () => sign({ content: "" }), "decode"],
    ["a KeyPackage without its MLSMessage", () => sign({ content: toBase64(own.bytes) }), "decode"],
    [
      "a byte after the end",
      () =>
        sign({
          content: toBase64(new Uint8Array([...Buffer.from(template.content, "base64"), 0])),
        }),
      "decode",
    ],
  ] as const)("%s is refused", async (_, event, code) => {
    expect(await rejectionCode(check(event()))).toBe(code)
  })

  test("a signature that does not verify is refused", async () => {
    const { keyPackage } = own
    const forged = { ...keyPackage, signature: keyPackage.signature.map((byte) => byte ^ 1) }
    const message = encodeMlsMessage({ wireFormat: wireFormats.keyPackage, keyPackage: forged })
    expect(await rejectionCode(check(sign({ content: toBase64(message) })))).toBe(
      "key_package_signature",
    )
  })

  test("another author is refused", async () => {
    const event = finalizeEvent(template, secretKeyOf("thief"))
    expect(await rejectionCode(check(event))).toBe("key_package_author")
  })
})

describe("lifetime (§5)", () => {
  const at = (notBefore: number, notAfter: number) => ({
    lifetime: { notBefore: BigInt(notBefore), notAfter: BigInt(notAfter) },
  })

  test.each([
    ["the longest span", at(NOW, NOW + 7_261_200)],
    ["the last second", at(NOW - 10, NOW)],
    ["the first second", at(NOW, NOW + 10)],
  ])("%s is accepted", async (_, changes) => {
    expect((await check(await published(changes))).lastResort).toBe(false)
  })

  test.each([
    ["a span one second longer", at(NOW, NOW + 7_261_201), "key_package_lifetime"],
    ["an end before the start", at(NOW, NOW - 1), "key_package_lifetime"],
    ["not yet current", at(NOW + 1, NOW + 10), "key_package_not_yet_valid"],
    ["expired", at(NOW - 10, NOW - 1), "key_package_expired"],
    [
      "the largest integers",
      { lifetime: { notBefore: 0n, notAfter: 2n ** 64n - 1n } },
      "key_package_lifetime",
    ],
  ])("%s is refused", async (_, changes, code) => {
    expect(await rejectionCode(check(await published(changes)))).toBe(code)
  })

  test("ours begins to be valid before it is made and ends after 84 days", async () => {
    const ends = (NOW - 3600 + 7_257_600) * 1000
    expect((await check(sign(), ends)).lastResort).toBe(true)
    expect(await rejectionCode(check(sign(), ends + 1000))).toBe("key_package_expired")
    expect(await rejectionCode(check(sign(), (NOW - 3601) * 1000))).toBe(
      "key_package_not_yet_valid",
    )
  })
})

describe("the leaf (§3, §4)", () => {
  const components = (ids: readonly number[], proof = device.identityProof) =>
    leafDictionary([
      [0x0001, encodeComponentsList(ids)],
      [0x0002, new Uint8Array([0])],
      [0x8009, proof],
    ])
  const needed = [0x8001, 0x8003, 0x8004, 0x8009, 0x800c]

  test.each([
    ["no dictionary", () => ({ leafExtensions: [] }), "key_package_incompatible"],
    [
      "no lifecycle component",
      () => ({ leafExtensions: components([0x8001, 0x8003, 0x8004, 0x8009]) }),
      "key_package_incompatible",
    ],
    [
      "a proof that is not listed",
      () => ({ leafExtensions: components([0x8001, 0x8003, 0x8004, 0x800c]) }),
      "key_package_incompatible",
    ],
    [
      "a listed proof that is not there",
      () => ({ leafExtensions: leafDictionary([[0x0001, encodeComponentsList(needed)]]) }),
      "invalid_identity_proof",
    ],
    [
      "a broken proof",
      () => ({
        leafExtensions: components(
          needed,
          device.identityProof.map((byte) => byte ^ 1),
        ),
      }),
      "invalid_identity_proof",
    ],
    ["no SelfRemove", () => ({ capabilities: { proposals: [8] } }), "key_package_incompatible"],
    ["no AppDataUpdate", () => ({ capabilities: { proposals: [10] } }), "key_package_incompatible"],
    ["a short identity", () => ({ identity: new Uint8Array(31) }), "invalid_identity"],
    [
      "the superseded proof",
      () => ({
        capabilities: { extensions: [6, 0xf2d1, 0xf2f1] },
        leafExtensions: [...components(needed), { type: 0xf2f1, data: new Uint8Array(104) }],
      }),
      "key_package_incompatible",
    ],
    [
      "an identity proof outside of the leaf",
      () => ({ extensions: leafDictionary([[0x8009, device.identityProof]]) }),
      "key_package_invalid",
    ],
    [
      "a last-resort mark with content",
      () => ({ extensions: leafDictionary([[0x0004, new Uint8Array(1)]]) }),
      "key_package_invalid",
    ],
  ] as const)("%s is refused", async (_, changes, code) => {
    expect(await rejectionCode(check(await published(changes())))).toBe(code)
  })

  test("an unsorted component list is refused", async () => {
    const { keyPackage } = await generateKeyPackage(crypto, {
      ...keyPackageOptions(device, NOW),
      leafExtensions: leafDictionary([
        [0x0001, hexToBytes("0480098001")],
        [0x8009, device.identityProof],
      ]),
    })
    const message = encodeMlsMessage({ wireFormat: wireFormats.keyPackage, keyPackage })
    const event = sign({ content: toBase64(message) })
    expect(await rejectionCode(check(event))).toBe("app_data_order")
  })

  test("the proof of another account's key is refused", async () => {
    const thief = await deviceOf(crypto, "thief")
    const leafExtensions = components(needed, thief.identityProof)
    expect(await rejectionCode(check(await published({ leafExtensions })))).toBe(
      "invalid_identity_proof",
    )
  })

  test("default types that a leaf lists anyway do no harm (§4.2)", async () => {
    const event = await published({
      capabilities: { extensions: [3, 6, 0xf2d1], proposals: [1, 2, 3, 8, 10] },
      leafExtensions: components([0x0001, ...needed]),
    })
    expect((await check(event)).lastResort).toBe(false)
  })
})
