import { describe, expect, test } from "vitest"
import { RelayError, SignerError } from "./error.ts"
import {
  finalizeEvent,
  generateSecretKey,
  nip44Decrypt,
  nip44Encrypt,
  publicKeyOf,
} from "./event.ts"
import type { EventTemplate } from "./event.ts"
import { LocalSigner } from "./local-signer.ts"
import { Nip07Signer } from "./nip07-signer.ts"
import type { Nip07Provider } from "./nip07-signer.ts"

const key = generateSecretKey()
const pubkey = publicKeyOf(key)
const other = generateSecretKey()
const template: EventTemplate = {
  created_at: 1_700_000_000,
  kind: 450,
  tags: [["d", "x"]],
  content: "proof",
}

const provider = (changes: Partial<Nip07Provider> = {}): Nip07Provider => ({
  getPublicKey: () => Promise.resolve(pubkey),
  signEvent: (event) => Promise.resolve(finalizeEvent(event, key)),
  nip44: {
    encrypt: (to, text) => Promise.resolve(nip44Encrypt(key, to, text)),
    decrypt: (from, text) => Promise.resolve(nip44Decrypt(key, from, text)),
  },
  ...changes,
})

const codeOf = async (run: Promise<unknown>): Promise<string> => {
  try {
    await run
  } catch (error) {
    if (error instanceof SignerError || error instanceof RelayError) return error.code
    throw error
  }
  return "no error"
}

describe.each([
  ["local", () => new LocalSigner(key)],
  ["nip07", () => new Nip07Signer(provider())],
])("%s signer", (kind, make) => {
  test("signs and encrypts", async () => {
    const signer = make()
    expect(signer.kind).toBe(kind)
    expect(await signer.publicKey()).toBe(pubkey)
    const event = await signer.signEvent(template)
    expect(event).toMatchObject({ ...template, pubkey })
    const payload = await signer.nip44Encrypt(publicKeyOf(other), "text")
    expect(nip44Decrypt(other, pubkey, payload)).toBe("text")
    expect(await signer.nip44Decrypt(publicKeyOf(other), payload)).toBe("text")
  })
})

describe("local signer", () => {
  test("typed refusals, as rejections", async () => {
    expect(() => new LocalSigner(new Uint8Array(32))).toThrow(SignerError)
    const signer = new LocalSigner(key)
    expect(await codeOf(signer.signEvent({ ...template, content: "\ud800" }))).toBe("invalid")
    expect(await codeOf(signer.nip44Decrypt(publicKeyOf(other), "junk"))).toBe("undecryptable")
    expect(await codeOf(signer.nip44Encrypt("junk", "text"))).toBe("invalid")
  })

  test("keeps its own copy of the key", async () => {
    const bytes = key.slice()
    const signer = new LocalSigner(bytes)
    bytes.fill(1)
    expect((await signer.signEvent(template)).pubkey).toBe(pubkey)
  })
})

describe("NIP-07: nothing is taken on trust", () => {
  const sign = (answer: (event: EventTemplate) => unknown) =>
    codeOf(
      new Nip07Signer(provider({ signEvent: (event) => Promise.resolve(answer(event)) })).signEvent(
        template,
      ),
    )

  test.each<[string, Partial<EventTemplate>]>([
    ["timestamp", { created_at: 1_700_000_001 }],
    ["kind", { kind: 1 }],
    ["content", { content: "proof " }],
    [
      "an added tag",
      {
        tags: [
          ["d", "x"],
          ["client", "y"],
        ],
      },
    ],
    ["a longer tag", { tags: [["d", "x", ""]] }],
    ["no tags", { tags: [] }],
  ])("a changed %s", async (_, change) => {
    expect(await sign((event) => finalizeEvent({ ...event, ...change }, key))).toBe("changed_event")
  })

  test("another account, a wrong id, a wrong signature, and answers that are no events", async () => {
    const right = finalizeEvent(template, key)
    expect(await sign((event) => finalizeEvent(event, other))).toBe("changed_event")
    expect(await sign(() => ({ ...right, id: "00".repeat(32) }))).toBe("invalid")
    expect(await sign(() => ({ ...right, sig: finalizeEvent(template, other).sig }))).toBe(
      "invalid",
    )
    for (const answer of [undefined, null, "sig", {}, { sig: right.sig }]) {
      expect(await sign(() => answer)).toBe("invalid")
    }
  })

  test("an extension that writes into the template changes only its copy", async () => {
    const mutating = provider({
      signEvent: (event) => {
        event.tags[0]?.push("mutated")
        event.content = "mutated"
        return Promise.resolve(finalizeEvent(event, key))
      },
    })
    expect(await codeOf(new Nip07Signer(mutating).signEvent(template))).toBe("changed_event")
    expect(template.tags).toEqual([["d", "x"]])
  })

  test("refusals, and what is not there", async () => {
    const refusing = provider({
      getPublicKey: () => Promise.reject(new Error("User rejected")),
      nip44: undefined,
    })
    expect(await codeOf(new Nip07Signer(refusing).publicKey())).toBe("refused")
    expect(await codeOf(new Nip07Signer(refusing, pubkey).nip44Encrypt(pubkey, "x"))).toBe(
      "unavailable",
    )
    const gone = provider({
      signEvent: () => Promise.reject(new SignerError("unavailable", "no tab is open")),
    })
    expect(await codeOf(new Nip07Signer(gone).signEvent(template))).toBe("unavailable")
    const throwing = provider({
      signEvent: () => {
        throw new TypeError("not a function")
      },
    })
    expect(await codeOf(new Nip07Signer(throwing).signEvent(template))).toBe("refused")
  })

  test("answers of a wrong form", async () => {
    for (const answer of [undefined, pubkey.toUpperCase(), "00".repeat(32), 7]) {
      const bad = provider({ getPublicKey: () => Promise.resolve(answer) })
      expect(await codeOf(new Nip07Signer(bad).publicKey())).toBe("invalid")
    }
    const empty = provider({
      nip44: { encrypt: () => Promise.resolve(""), decrypt: () => Promise.resolve(7) },
    })
    expect(await codeOf(new Nip07Signer(empty).nip44Encrypt(pubkey, "x"))).toBe("invalid")
    expect(await codeOf(new Nip07Signer(empty).nip44Decrypt(pubkey, "x"))).toBe("invalid")
  })

  test("a switched account does not sign for the first one", async () => {
    let current = key
    const switching = provider({
      getPublicKey: () => Promise.resolve(publicKeyOf(current)),
      signEvent: (event) => Promise.resolve(finalizeEvent(event, current)),
    })
    const signer = new Nip07Signer(switching)
    expect(await codeOf(signer.signEvent(template))).toBe("no error")
    current = other
    expect(await codeOf(signer.signEvent(template))).toBe("changed_event")
    expect(await signer.publicKey()).toBe(pubkey)
  })
})
