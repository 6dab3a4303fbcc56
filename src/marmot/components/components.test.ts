import { describe, expect, test } from "vitest"
import { withShared } from "../../../test/shared.ts"
import { decode, encode } from "../../mls/index.ts"
import { bytesToHex, hexToBytes } from "../../nostr/event.ts"
import { codeOf } from "../device.fixture.ts"
import { componentIds } from "../registry.ts"
import { decodeAdminPolicy, encodeAdminPolicy } from "./admin-policy.ts"
import {
  decodeAgentTextStream,
  encodeAgentTextStream,
  requiredRoleExtensions,
} from "./agent-text-stream.ts"
import { decodeAvatarUrl, encodeAvatarUrl } from "./avatar-url.ts"
import { decodeBlossomImage, encodeBlossomImage } from "./blossom-image.ts"
import {
  decodeEncryptedMedia,
  decodeEncryptedMediaV1,
  encodeEncryptedMedia,
} from "./encrypted-media.ts"
import { decodeGroupLifecycle, encodeGroupLifecycle } from "./group-lifecycle.ts"
import { decodeGroupProfile, encodeGroupProfile } from "./group-profile.ts"
import { decodeMessageRetention, encodeMessageRetention } from "./message-retention.ts"
import { decodeNostrRouting, encodeNostrRouting } from "./nostr-routing.ts"

const text = (value: string) => bytesToHex(new TextEncoder().encode(value))
/** `opaque x<V>` of some hex. */
const vector = (hex: string) =>
  bytesToHex(encode((writer, value: Uint8Array) => writer.opaque(value), hexToBytes(hex)))
const textVector = (value: string) => vector(text(value))

/** Every hex of `valid` survives decoding and encoding; every one of `invalid` is refused. */
function cases<T>(
  codec: { decode(bytes: Uint8Array): T; encode?(state: T): Uint8Array },
  rows: { valid: Readonly<Record<string, string>>; invalid: Readonly<Record<string, string>> },
): void {
  test.each(Object.entries(rows.valid))("accepts %s", (_, hex) => {
    const state = codec.decode(hexToBytes(hex))
    if (codec.encode !== undefined) expect(bytesToHex(codec.encode(state))).toBe(hex)
  })
  test.each(Object.entries(rows.invalid))("refuses %s", (_, hex) => {
    expect(codeOf(() => codec.decode(hexToBytes(hex)))).toBe("invalid_component")
  })
}

describe("0x8001 group profile (marmot-wire §6.2)", () => {
  cases(
    { decode: decodeGroupProfile, encode: encodeGroupProfile },
    {
      valid: {
        "the golden: a name and no description": "016100",
        "all empty": "0000",
        "the longest name": `${textVector("n".repeat(256))}00`,
        "the longest description": `00${textVector("d".repeat(4096))}`,
        "a composed letter": `${textVector("\u00e9")}00`,
        "a decomposed letter": `${textVector("e\u0301")}00`,
        "a byte order mark, kept": `${textVector("\ufeffx")}00`,
      },
      invalid: {
        nothing: "",
        "a name only": "0161",
        "a longer form of a length": "40016100",
        "a byte after the end": "01610000",
        "a name of 257 bytes": `${textVector("n".repeat(257))}00`,
        "a description of 4097 bytes": `00${textVector("d".repeat(4097))}`,
        "no UTF-8": "01ff00",
        "a surrogate in UTF-8": "03eda08000",
        "an overlong slash": "02c0af00",
      },
    },
  )

  test("no normalization", () => {
    const state = { name: "e\u0301", description: "\ufeff" }
    expect(decodeGroupProfile(encodeGroupProfile(state))).toEqual(state)
    expect(codeOf(() => encodeGroupProfile({ name: "\ud800", description: "" }))).toBe(
      "invalid_component",
    )
  })
})

describe("0x8002 Blossom image (§6.3)", () => {
  const full = (type: string) =>
    `20${"01".repeat(32)}20${"02".repeat(32)}0c${"03".repeat(12)}20${"04".repeat(32)}${textVector(type)}`
  cases(
    { decode: decodeBlossomImage, encode: encodeBlossomImage },
    {
      valid: { "no image": "0000000000", "a whole image": full("image/png") },
      invalid: {
        "a hash alone": `20${"01".repeat(32)}00000000`,
        "a type alone": `00000000${textVector("image/png")}`,
        "no type": full(""),
        "a type that is not canonical": full("image/jpg"),
        "upper case": full("IMAGE/PNG"),
        "a short nonce": full("image/png").replace(`0c${"03".repeat(12)}`, `0b${"03".repeat(11)}`),
        "a long key": full("image/png").replace(`20${"02".repeat(32)}`, `21${"02".repeat(33)}`),
        "a byte after the end": `${full("image/png")}00`,
      },
    },
  )
})

describe("0x8003 admin policy (§6.4)", () => {
  const [low, high] = ["11".repeat(32), "22".repeat(32)]
  cases(
    { decode: decodeAdminPolicy, encode: encodeAdminPolicy },
    {
      valid: { "the golden: one admin": `20${low}`, two: `4040${low}${high}` },
      invalid: {
        nobody: "00",
        "a short key": `1f${"11".repeat(31)}`,
        "a key and a half": `30${low}${"22".repeat(16)}`,
        "descending keys": `4040${high}${low}`,
        "a repeated key": `4040${low}${low}`,
        "a byte after the end": `20${low}00`,
      },
    },
  )
  test("the order is that of unsigned bytes", () => {
    const keys = ["7f" + "ff".repeat(31), "80" + "00".repeat(31)]
    expect(decodeAdminPolicy(hexToBytes(`4040${keys.join("")}`)).admins.map(bytesToHex)).toEqual(
      keys,
    )
  })
})

describe("0x8004 Nostr routing (§6.5)", () => {
  const id = "07".repeat(32)
  const routing = (...urls: string[]) => id + vector(urls.map(textVector).join(""))
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => `wss://r${String(i).padStart(2, "0")}.example`)
  const longest = `wss://a.example/${"p".repeat(512 - 16)}`
  cases(
    { decode: decodeNostrRouting, encode: encodeNostrRouting },
    {
      valid: {
        "one relay": routing("wss://a.example"),
        "ws and a port": routing("ws://a.example:7777/path?x=1"),
        "sixteen relays": routing(...many(16)),
        "the longest URL": routing(longest),
        "an upper-case host, as it stands": routing("wss://A.example"),
      },
      invalid: {
        "no relay": routing(),
        "seventeen relays": routing(...many(17)),
        "a URL of 513 bytes": routing(`${longest}p`),
        "an empty URL": routing(""),
        "another scheme": routing("https://a.example"),
        "a user": routing("wss://u@a.example"),
        "a password": routing("wss://u:p@a.example"),
        "a fragment": routing("wss://a.example#x"),
        "an empty fragment": routing("wss://a.example#"),
        "no host": routing("wss://"),
        "descending relays": routing("wss://b.example", "wss://a.example"),
        "a repeated relay": routing("wss://a.example", "wss://a.example"),
        "no UTF-8": id + "0201ff",
        "a short id": id.slice(2),
      },
    },
  )
})

interface ByteFixture {
  readonly fixture_name: string
  readonly bytes: { readonly hex: string; readonly component_data_hex?: string }
  readonly expected: {
    readonly valid: boolean
    readonly fields: { readonly nostr_group_id_hex: string; readonly relays: readonly string[] }
  }
}

describe("byte fixtures of the Rust reference", () => {
  for (const name of ["valid-state", "valid-update", "invalid-duplicate-relay"]) {
    const path = `vectors/marmot/byte-fixtures/nostr-routing-v1-${name}.v1.json`
    withShared<ByteFixture>(path, ({ fixture_name, bytes, expected }) => {
      test(fixture_name, () => {
        const state = hexToBytes(bytes.hex)
        if (!expected.valid) {
          expect(codeOf(() => decodeNostrRouting(state))).toBe("invalid_component")
          return
        }
        const routing = decodeNostrRouting(state)
        expect(bytesToHex(routing.nostrGroupId)).toBe(expected.fields.nostr_group_id_hex)
        expect(routing.relays).toEqual(expected.fields.relays)
        expect(bytesToHex(encodeNostrRouting(routing))).toBe(bytes.hex)
        if (bytes.component_data_hex === undefined) return
        const entry = decode(
          (reader) => ({ id: reader.u16(), data: reader.opaque() }),
          hexToBytes(bytes.component_data_hex),
        )
        expect(entry).toEqual({ id: componentIds.nostrRouting, data: state })
      })
    })
  }
})

describe("0x8005 message retention (§6.6)", () => {
  cases(
    { decode: decodeMessageRetention, encode: encodeMessageRetention },
    {
      valid: { off: "0000000000000000", "a day": "0000000000015180", "every u64": "ff".repeat(8) },
      invalid: { nothing: "", "seven bytes": "00".repeat(7), "nine bytes": "00".repeat(9) },
    },
  )
  test("the value is exact", () => {
    expect(decodeMessageRetention(hexToBytes("ff".repeat(8)))).toBe(2n ** 64n - 1n)
  })
})

describe("0x8006 agent text stream (§6.7)", () => {
  cases(
    { decode: decodeAgentTextStream, encode: encodeAgentTextStream },
    {
      valid: {
        "the golden": "010300001000000000000000",
        "every bound": "07070000ffef0000012c1000",
        "the shortest frame": "010100000001000000000000",
      },
      invalid: {
        nothing: "",
        "no required role": "000300001000000000000000",
        "a required role that is not allowed": "020100001000000000000000",
        "an unknown allowed role": "010900001000000000000000",
        "an unknown required role": "090900001000000000000000",
        "no frame": "010300000000000000000000",
        "a frame too long": "01030000fff0000000000000",
        "a replay time too long": "0103000010000000012d0000",
        "a padding too large": "010300001000000000001001",
        "a byte after the end": "01030000100000000000000000",
      },
    },
  )
  test("each required role has its marker", () => {
    const policy = decodeAgentTextStream(hexToBytes("07070000ffef0000012c1000"))
    expect(requiredRoleExtensions(policy)).toEqual([0xf2d1, 0xf2d2, 0xf2d4])
    expect(requiredRoleExtensions({ ...policy, requiredRoles: 4 })).toEqual([0xf2d4])
  })
})

describe("0x8007 avatar URL (§6.8)", () => {
  const avatar = (url: string, dim = "", hash = "") =>
    textVector(url) + textVector(dim) + textVector(hash)
  const longest = `https://a.example/${"p".repeat(2048 - 18)}`
  cases(
    { decode: decodeAvatarUrl, encode: encodeAvatarUrl },
    {
      valid: {
        "no image": "000000",
        "an image": avatar("https://a.example/x.png", "1x1", "hash"),
        "a query": avatar("https://a.example/?q=%20"),
        "an unsafe host, judged when contacting": avatar("https://localhost/x"),
        "a private address": avatar("https://192.168.0.1/x"),
        "the longest URL": avatar(longest),
        "the longest hints": avatar("https://a.example/", "d".repeat(256), "t".repeat(256)),
        "hints that are no text": `${textVector("https://a.example/")}02ff0001fe`,
      },
      invalid: {
        "a hint without an image": avatar("", "1x1"),
        http: avatar("http://a.example/"),
        "a missing slash": avatar("https://a.example"),
        "an upper-case host": avatar("https://A.example/"),
        "a default port": avatar("https://a.example:443/"),
        "a user": avatar("https://u@a.example/"),
        "an empty user": avatar("https://@a.example/"),
        "a fragment": avatar("https://a.example/#x"),
        "an empty fragment": avatar("https://a.example/#"),
        "a space": avatar("https://a.example/a b"),
        "a trailing space": avatar("https://a.example/ "),
        "a dot segment": avatar("https://a.example/a/../b"),
        "a URL of 2049 bytes": avatar(`${longest}p`),
        "a hint of 257 bytes": avatar("https://a.example/", "d".repeat(257)),
        "no UTF-8": "01ff0000",
      },
    },
  )
})

describe("0x800b encrypted media (§6.10)", () => {
  const policy = (
    kinds: readonly string[],
    endpoints: readonly (readonly [string, string])[],
    format = "encrypted-media-v2",
  ) =>
    textVector(format) +
    vector(kinds.map(textVector).join("")) +
    vector(endpoints.map(([kind, url]) => textVector(kind) + textVector(url)).join(""))
  const one = [["blossom-v1", "https://a.example/"]] as const
  const kinds = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`)
  const endpoints = (count: number) =>
    Array.from({ length: count }, (_, i) => ["b", `https://a.example/${i}`] as const)

  test("the golden", () => {
    const hex = policy(["blossom-v1"], [["blossom-v1", "https://blossom.primal.net/"]])
    expect(hex.startsWith("12" + text("encrypted-media-v2") + "0b0a")).toBe(true)
    expect(hex).toContain("27" + "0a" + text("blossom-v1") + "1b")
    expect(decodeEncryptedMedia(hexToBytes(hex)).defaultBlobEndpoints).toEqual([
      { locatorKind: "blossom-v1", baseUrl: "https://blossom.primal.net/" },
    ])
  })

  cases(
    { decode: decodeEncryptedMedia, encode: encodeEncryptedMedia },
    {
      valid: {
        "the producer's order": policy(
          ["z", "a"],
          [
            ["z", "https://z.example/"],
            ["a", "http://a.example/p/"],
          ],
        ),
        "sixteen of each": policy(["b", ...kinds(15)], endpoints(16)),
        "an unsafe host": policy(["b"], [["b", "http://127.0.0.1/"]]),
        "the longest kind": policy(["k".repeat(64)], [["k".repeat(64), "https://a.example/"]]),
      },
      invalid: {
        "another format": policy(["blossom-v1"], one, "encrypted-media-v1"),
        "no kind": policy([], []),
        "no endpoint": policy(["blossom-v1"], []),
        "a kind that is not allowed": policy(["other"], one),
        "a repeated kind": policy(["blossom-v1", "blossom-v1"], one),
        "a repeated endpoint": policy(["blossom-v1"], [...one, ...one]),
        "seventeen kinds": policy(["b", ...kinds(16)], endpoints(1)),
        "seventeen endpoints": policy(["b"], endpoints(17)),
        "a kind in upper case": policy(["B"], [["B", "https://a.example/"]]),
        "an empty kind": policy(["", "b"], endpoints(1)),
        "a kind of 65 bytes": policy(["b", "k".repeat(65)], endpoints(1)),
        "an empty address": policy(["b"], [["b", ""]]),
        "another scheme": policy(["b"], [["b", "ftp://a.example/"]]),
        "a query": policy(["b"], [["b", "https://a.example/?x"]]),
        "an empty query": policy(["b"], [["b", "https://a.example/?"]]),
        "a fragment": policy(["b"], [["b", "https://a.example/#"]]),
        "a user": policy(["b"], [["b", "https://u@a.example/"]]),
        "an address that is not normalized": policy(["b"], [["b", "https://a.example"]]),
        "a byte after the end": `${policy(["blossom-v1"], one)}00`,
      },
    },
  )

  test("the frozen form is another component", () => {
    const bytes = hexToBytes(policy(["blossom-v1"], one, "encrypted-media-v1"))
    expect(decodeEncryptedMediaV1(bytes).mediaFormat).toBe("encrypted-media-v1")
  })
})

describe("0x800c group lifecycle (§6.12)", () => {
  cases(
    { decode: decodeGroupLifecycle, encode: encodeGroupLifecycle },
    {
      valid: { active: "00", disbanded: "01" },
      invalid: { nothing: "", another: "02", "a byte after the end": "0000" },
    },
  )
  test("the states", () => {
    expect(decodeGroupLifecycle(hexToBytes("00"))).toBe("active")
    expect(decodeGroupLifecycle(hexToBytes("01"))).toBe("disbanded")
  })
})
