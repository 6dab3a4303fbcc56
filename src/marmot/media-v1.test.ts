// The frozen format (marmot-wire §10.2): files that are sealed by its formulas, on Node's cryptography, are read.

import { createCipheriv, createHash, createHmac } from "node:crypto"
import { describe, expect, test } from "vitest"
import { bytesToHex, toRumor } from "../nostr/event.ts"
import { codeOf } from "./device.fixture.ts"
import { type Member, stateOf, worldOf } from "./engine.fixture.ts"
import { parseMediaTag } from "./media.ts"
import { openFile } from "./media-file.ts"

const file = Buffer.from("an old photograph")
const nonce = Buffer.alloc(12, 5)
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest()
const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]) =>
  createHmac("sha256", key).update(Buffer.concat(parts)).digest()

/** HKDF-Expand of RFC 5869, one block. */
const expand = (secret: Uint8Array, info: Uint8Array) => hmac(secret, info, Buffer.of(1))

/** ExpandWithLabel of RFC 9420 §8, 32 bytes. */
function expandWithLabel(secret: Uint8Array, label: string, context: Uint8Array): Buffer {
  const full = Buffer.from(`MLS 1.0 ${label}`)
  const head = [Buffer.of(0, 32, full.length), full, Buffer.of(context.length), context]
  return expand(secret, Buffer.concat(head))
}

/** MLS-Exporter("marmot", "encrypted-media", 32) of a member's epoch, by RFC 9420 §8.5. */
function exporter(member: Member): Buffer {
  const { exporterSecret } = stateOf(member).epochSecrets
  const derived = expandWithLabel(exporterSecret, "marmot", new Uint8Array())
  return expandWithLabel(derived, "exported", sha256(Buffer.from("encrypted-media")))
}

/** The blob and the tag of a v1 attachment; `typed`: the media type as the tag writes it. */
function seal(secret: Uint8Array, typed = "image/jpeg", filename = " Old.JPG ") {
  const zero = Buffer.of(0)
  const bound = [
    Buffer.from("encrypted-media-v1"),
    ...[sha256(file), Buffer.from("image/jpeg"), Buffer.from(filename)].flatMap((part) => [
      zero,
      part,
    ]),
  ]
  const aad = Buffer.concat(bound)
  const key = expand(secret, Buffer.concat([aad, zero, Buffer.from("key")]))
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 })
  cipher.setAAD(aad, { plaintextLength: file.length })
  const blob = Buffer.concat([cipher.update(file), cipher.final(), cipher.getAuthTag()])
  const hash = bytesToHex(sha256(blob))
  const tag = [
    "imeta",
    "v encrypted-media-v1",
    `locator blossom-v1 https://media.example/${hash}.bin`,
    `ciphertext_sha256 ${hash}`,
    `plaintext_sha256 ${bytesToHex(sha256(file))}`,
    `nonce ${nonce.toString("hex")}`,
    `m ${typed}`,
    `filename ${filename}`,
  ]
  return { blob, tag, hash }
}

const { tag: good, hash } = seal(Buffer.alloc(32, 7))
const without = (name: string) => good.filter((field) => !field.startsWith(`${name} `))
const located = (url: string) => [...without("locator"), `locator blossom-v1 ${url}`]

const together = worldOf(["ada", "bob"])

/** Bob is sent a message with these tags; what he is shown. */
async function received(tags: (ada: Member) => string[][]) {
  const { world, people } = await together
  const [ada, bob] = people
  const { pubkey } = ada
  const event = toRumor({
    pubkey,
    created_at: world.seconds,
    kind: 9,
    tags: tags(ada),
    content: "from before",
  })
  await ada.want({ type: "send", event })
  await world.settle()
  const [delivered] = bob.effects.flatMap((effect) =>
    effect.type === "deliver" && effect.event.id === event.id ? [effect] : [],
  )
  const isWitness = [...bob.group.apps.values()].some(({ innerId }) => innerId === event.id)
  return { delivered, isWitness }
}

describe("a v1 attachment", () => {
  test("has a key if it is among the first sixteen of its message", async () => {
    const { delivered } = await received((ada) => {
      const { tag } = seal(exporter(ada))
      return [["p", "x"], ...Array<string[]>(40).fill(tag)]
    })
    const places = Object.keys(delivered?.mediaKeys ?? {}).map(Number)
    expect(places).toEqual(Array.from({ length: 16 }, (_, place) => place + 1))
  })

  test.each(["image/jpeg", "image/jpg", " Image/JPEG ; q=1"])(
    "typed as %j opens with the key of its epoch",
    async (typed) => {
      let sealed: ReturnType<typeof seal> | undefined
      const { delivered } = await received((ada) => {
        sealed = seal(exporter(ada), typed)
        return [["p", "x"], sealed.tag]
      })
      const key = delivered?.mediaKeys?.[1]
      if (sealed === undefined || key === undefined) throw new Error("no key was delivered")
      const reference = parseMediaTag(sealed.tag)
      expect(reference).toMatchObject({ mediaType: "image/jpeg", filename: " Old.JPG " })
      expect(Buffer.from(openFile(reference, key, sealed.blob))).toEqual(file)
      // Not by the rules of v2.
      const other = { ...reference, version: "encrypted-media-v2" as const }
      expect(codeOf(() => openFile(other, key, sealed?.blob ?? file))).toBe(
        "unavailable_attachment",
      )
    },
  )

  test.each([
    ["no nonce", without("nonce")],
    ["a blurhash", [...good, "blurhash L"]],
    ["two types", [...good, "m image/png"]],
    ["no media type", [...without("m"), "m jpeg"]],
    ["a blank name", [...without("filename"), "filename \t"]],
    ["no locator", without("locator")],
    ["an address of another blob", located(`https://media.example/${"77".repeat(32)}`)],
    ["an address in clear", located(`http://media.example/${hash}`)],
    ["this machine", located(`https://localhost/${hash}`)],
    ["a name of this machine", located(`https://a.localhost/${hash}`)],
    ["a loopback address", located(`http://127.0.0.1/${hash}`)],
    ["a private address", located(`https://10.1.2.3/${hash}`)],
    ["a local IPv6 address", located(`https://[fd00::1]/${hash}`)],
    ["an IPv4 address in IPv6", located(`https://[::ffff:10.0.0.1]/${hash}`)],
  ])("with %s takes its message with it", async (_, tag) => {
    expect(codeOf(() => parseMediaTag(tag))).toBe("invalid_attachment")
    const { delivered, isWitness } = await received(() => [tag])
    expect(delivered).toBeUndefined()
    // To the group it is a message like any other.
    expect(isWitness).toBe(true)
  })

  test("of another kind of locator is not judged by where that leads", () => {
    const elsewhere = [...without("locator"), "locator ipfs-v1 http://localhost/x"]
    expect(parseMediaTag(elsewhere).locators).toHaveLength(1)
  })

  test("that is malformed in v2 goes alone", async () => {
    const tag = without("nonce").map((field) => field.replace("media-v1", "media-v2"))
    const { delivered } = await received(() => [tag])
    expect(delivered?.event.content).toBe("from before")
    expect(delivered?.mediaKeys).toBeUndefined()
  })
})
