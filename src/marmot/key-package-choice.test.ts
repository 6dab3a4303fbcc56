import { beforeAll, describe, expect, test } from "vitest"
import {
  appDataExtension,
  generateKeyPackage,
  type MlsCrypto,
  type OwnKeyPackage,
} from "../mls/index.ts"
import { type EventTemplate, finalizeEvent, type NostrEvent } from "../nostr/event.ts"
import { keyPackageOptions } from "./capabilities.ts"
import { accountNamed, deviceOf, NOW, secretKeyOf, testCrypto } from "./device.fixture.ts"
import type { DeviceIdentity } from "./engine-types.ts"
import { chooseKeyPackage, MAX_FUTURE_SKEW } from "./key-package-choice.ts"
import { generateOwnKeyPackage, keyPackageTemplate } from "./key-package-event.ts"

const MS = NOW * 1000
const SLOT = "5a".repeat(32)

let crypto: MlsCrypto
let device: DeviceIdentity
let template: EventTemplate

beforeAll(async () => {
  crypto = await testCrypto()
  device = await deviceOf(crypto, "invitee")
  const own = await generateOwnKeyPackage(crypto, { device, now: MS })
  template = keyPackageTemplate(crypto, own, { slot: SLOT, createdAt: NOW })
})

const sign = (change: Partial<EventTemplate> = {}): NostrEvent =>
  finalizeEvent({ ...template, ...change }, secretKeyOf("invitee"))

const retag = (name: string, replacement: string[]): EventTemplate["tags"] =>
  template.tags.map((tag) => (tag[0] === name ? replacement : tag))

/** A fresh package, for one use unless `lastResort`. */
async function published({ slot = SLOT, createdAt = NOW, lastResort = false } = {}) {
  const mark = appDataExtension(new Map([[0x0004, new Uint8Array()]]))
  const own = await generateKeyPackage(crypto, {
    ...keyPackageOptions(device, NOW),
    extensions: lastResort ? [mark] : [],
  })
  return finalizeEvent(keyPackageTemplate(crypto, own, { slot, createdAt }), secretKeyOf("invitee"))
}

describe("choosing (§5, §7.6)", () => {
  const choose = (events: readonly NostrEvent[], now = MS) =>
    chooseKeyPackage(crypto, events, { pubkey: accountNamed("invitee"), now })
  const lastResort = true
  const chosen = async (events: readonly NostrEvent[]) => {
    const choice = await choose(events)
    return choice.ok ? choice.invitee.keyPackageEventId : choice.status
  }

  test("nobody, and somebody else's", async () => {
    expect(await chosen([])).toBe("no_key_package")
    expect(await chosen([finalizeEvent(template, secretKeyOf("thief"))])).toBe("no_key_package")
  })

  test("a bad one does not spoil the good ones", async () => {
    const bad = sign({ content: "?", tags: retag("d", ["d", "66".repeat(32)]) })
    const good = sign()
    expect(await chosen([bad, good])).toBe(good.id)
    expect(await choose([bad])).toMatchObject({ ok: false, status: "incompatible" })
  })

  test("one for single use before one for last resort, however fresh", async () => {
    const single = await published({ slot: "01".repeat(32), createdAt: NOW - 500 })
    const resort = await published({ lastResort, slot: "02".repeat(32), createdAt: NOW })
    expect(await chosen([resort, single])).toBe(single.id)
  })

  test("then the freshest, whichever reference is lower", async () => {
    const [a, b] = await Promise.all(
      [1, 2].map(() => generateOwnKeyPackage(crypto, { device, now: MS })),
    )
    if (a === undefined || b === undefined) throw new Error("no packages")
    const at = (one: OwnKeyPackage, slot: string, createdAt: number) =>
      finalizeEvent(
        keyPackageTemplate(crypto, one, { slot: slot.repeat(32), createdAt }),
        secretKeyOf("invitee"),
      )
    const freshA = [at(a, "01", NOW), at(b, "02", NOW - 1)] as const
    expect(await chosen(freshA)).toBe(freshA[0].id)
    const freshB = [at(a, "01", NOW - 1), at(b, "02", NOW)] as const
    expect(await chosen(freshB)).toBe(freshB[1].id)
  })

  test("of equally fresh ones the lower reference counts, in any order", async () => {
    const slot = (n: number) => `${n}0`.repeat(32)
    const events = await Promise.all([
      published({ lastResort, slot: slot(1), createdAt: NOW - 1 }),
      published({ lastResort, slot: slot(2), createdAt: NOW }),
      published({ lastResort, slot: slot(3), createdAt: NOW }),
    ])
    const refs = events.map((event) => event.tags.find((tag) => tag[0] === "i")?.[1] ?? "")
    const winner = (refs[1] ?? "") < (refs[2] ?? "") ? events[1] : events[2]
    expect(await chosen(events)).toBe(winner.id)
    expect(await chosen([...events].reverse())).toBe(winner.id)
  })

  test("in one slot only the newest counts, even where it is bad", async () => {
    const older = await published({ createdAt: NOW - 5 })
    const newer = await published({ createdAt: NOW })
    expect(await chosen([older, newer])).toBe(newer.id)
    const withdrawn = sign({ created_at: NOW + 1, content: "" })
    expect(await chosen([older, newer, withdrawn])).toBe("incompatible")
  })

  test("what is dated ahead of the clock is not looked at", async () => {
    const older = await published({ createdAt: NOW - 5 })
    const ahead = await published({ createdAt: NOW + MAX_FUTURE_SKEW + 1 })
    expect(await chosen([older, ahead])).toBe(older.id)
    expect(await choose([ahead])).toMatchObject({
      ok: false,
      reason: expect.stringContaining("clock") as string,
    })
    const justAhead = await published({ createdAt: NOW + MAX_FUTURE_SKEW })
    expect(await chosen([older, justAhead])).toBe(justAhead.id)
  })

  test("one for single use is not used twice; one of last resort may be", async () => {
    const single = await published({ slot: "01".repeat(32) })
    const resort = await published({ lastResort, slot: "02".repeat(32) })
    const refOf = (event: NostrEvent) => event.tags.find((tag) => tag[0] === "i")?.[1] ?? ""
    const used = new Set([single, resort].map(refOf))
    const again = (events: readonly NostrEvent[]) =>
      chooseKeyPackage(crypto, events, { pubkey: accountNamed("invitee"), now: MS, used })
    const first = await choose([single, resort])
    expect(first).toMatchObject({ ok: true, ref: refOf(single), lastResort: false })
    expect(await again([single, resort])).toMatchObject({ ok: true, ref: refOf(resort) })
    expect(await again([single])).toMatchObject({ ok: false, status: "used" })
  })

  test("a group that asks for more refuses with what it asks and what there was", async () => {
    const requirements = {
      components: [0x8003, 0x8009, 0x800f],
      extensions: [0x0006, 0xf2d2],
      proposals: [0x0008],
    }
    const choice = await chooseKeyPackage(crypto, [sign()], {
      pubkey: accountNamed("invitee"),
      now: MS,
      requirements,
    })
    expect(choice).toMatchObject({
      ok: false,
      status: "incompatible",
      reason: expect.stringContaining("feature 0x800f, feature 0xf2d2") as string,
      lacking: {
        required: requirements,
        had: { extensions: [0x0006, 0xf2d1], proposals: [0x0008, 0x000a] },
      },
    })
  })

  test("ties in one slot go to the lower event id", async () => {
    const [a, b] = [await published(), await published()]
    expect(await chosen([a, b])).toBe(a.id < b.id ? a.id : b.id)
    expect(await chosen([b, a])).toBe(a.id < b.id ? a.id : b.id)
  })

  test("expiry and clocks are told apart from incompatibility", async () => {
    const late = await choose([sign()], MS + 100 * 86_400_000)
    expect(late).toMatchObject({ ok: false, status: "expired" })
    const early = await choose([sign()], MS - 86_400_000)
    expect(early).toMatchObject({ ok: false, reason: expect.stringContaining("clock") as string })
  })
})
