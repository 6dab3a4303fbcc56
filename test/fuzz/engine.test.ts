// Marmot inbound processing §7: whatever bears a group's address, the engine names what is wrong, and nothing changes.

import fc from "fast-check"
import { beforeAll, describe, expect, test } from "vitest"
import { chatEvent, encodeAppEvent } from "../../src/marmot/app-event.ts"
import { craftCommit, sealed } from "../../src/marmot/crafted.fixture.ts"
import {
  type Member,
  RELAY,
  stateOf,
  type World,
  worldOf,
} from "../../src/marmot/engine.fixture.ts"
import { eventKey } from "../../src/marmot/event-key.ts"
import { openGroupEvent, parseGroupEvent } from "../../src/marmot/group-event.ts"
import { routeOf } from "../../src/marmot/group-facts.ts"
import { groupRecords } from "../../src/marmot/group-records.ts"
import { joinMarmotGroup } from "../../src/marmot/join-group.ts"
import { mlsContext } from "../../src/marmot/transition.ts"
import { encryptApplication } from "../../src/mls/index.ts"
import { finalizeEvent, generateSecretKey, type NostrEvent } from "../../src/nostr/event.ts"
import { anyBytes, damagedBytes, damagedText, damagedValue, isRefusal } from "./damage.fixture.ts"

let world: World
let ada: Member
let bo: Member
/** Opened and valid: a Commit by Ada that Bo has not received. */
let commit: Uint8Array

beforeAll(async () => {
  const made = await worldOf(["ada", "bo"])
  world = made.world
  ;[ada, bo] = made.people
  await world.settle()
  const event = await craftCommit(ada, { proposals: [], forcePath: true })
  commit = openGroupEvent(
    eventKey(world.crypto, stateOf(ada)),
    parseGroupEvent(event),
  ) as Uint8Array
})

/** Everything that would be stored, but for what waits to be opened and the count of it. */
function stored(member: Member): Map<string, string> {
  const records = [...groupRecords(member.group)].filter(
    ([name]) => !name.startsWith("unopened/") && name !== "head",
  )
  return new Map(
    records.map(([name, record]) => [name, Buffer.from(record.encode()).toString("latin1")]),
  )
}

/** The event is refused with a category, or put aside unopened; the group is as before. */
async function expectNoChange(event: NostrEvent): Promise<string> {
  const before = bo.group
  const was = stored(bo)
  const verdict = await bo.receive(event)
  expect(verdict).not.toBe("accepted")
  const { tip, pass, lifecycle } = bo.group
  expect({ tip, pass, lifecycle }).toEqual({
    tip: before.tip,
    pass: before.pass,
    lifecycle: before.lifecycle,
  })
  expect(stored(bo)).toEqual(was)
  // The next one meets the same group.
  bo.take({ group: before, effects: [] })
  return verdict
}

const REFUSED = [
  "invalid_encoding",
  "invalid_signature",
  "authorization_failed",
  "unknown_group",
  "unsupported_required_feature",
  "resource_refused",
  "stale_epoch",
]

describe("kind 445", () => {
  test("any bytes under the group's own key", async () => {
    await fc.assert(
      fc.asyncProperty(anyBytes, async (bytes) => {
        expect(REFUSED).toContain(await expectNoChange(sealed(ada, bytes)))
      }),
      { numRuns: 100 },
    )
  })

  test("a valid Commit with any byte changed, or cut anywhere", async () => {
    const verdicts = new Set<string>()
    let turn = 0
    for (const bytes of damagedBytes(commit)) {
      // Each costs a signature and a step of the whole engine.
      if (turn++ % 19 === 0) verdicts.add(await expectNoChange(sealed(ada, bytes)))
    }
    expect(REFUSED).toEqual(expect.arrayContaining([...verdicts]))
    expect(await bo.receive(sealed(ada, commit))).toBe("deferred")
  })

  test("any tags and content, rightly signed", async () => {
    const { nostrGroupId } = routeOf(stateOf(bo))
    const event = sealed(ada, commit)
    const { kind, created_at, tags, content } = event
    for (const value of damagedValue({ tags, content: content.slice(0, 80) })) {
      const fields = value as { tags?: unknown; content?: unknown } | null
      if (typeof fields !== "object" || fields === null) continue
      const { tags: other, content: text } = fields
      if (typeof text !== "string" || !isTags(other)) continue
      const made = signedSafely({ kind, created_at, tags: other, content: text })
      if (made !== undefined) await expectNoChange(made)
    }
    expect(tags).toEqual([["h", nostrGroupId]])
  })
})

const isTags = (value: unknown): value is string[][] =>
  Array.isArray(value) &&
  value.every(
    (tag: unknown) => Array.isArray(tag) && tag.every((item: unknown) => typeof item === "string"),
  )

/** `undefined` for what can't be an event, so that no relay could bring it. */
function signedSafely(template: Parameters<typeof finalizeEvent>[0]): NostrEvent | undefined {
  try {
    return finalizeEvent(template, generateSecretKey())
  } catch (error) {
    isRefusal(error)
    return undefined
  }
}

describe("payloads of a member", () => {
  test("that are no event of theirs show nothing and move nothing", async () => {
    const { pubkey } = ada
    const inner = chatEvent({ pubkey, createdAt: world.seconds, content: "hello" })
    const json = new TextDecoder().decode(encodeAppEvent(inner))
    const texts = [...damagedText(json)].filter((text) => text.length < 100_000)
    for (const value of damagedValue(inner)) texts.push(JSON.stringify(value))
    const before = bo.group
    let shown = 0
    for (const text of texts.filter((_, i) => i % 4 === 0)) {
      const bytes = new TextEncoder().encode(text)
      const made = await encryptApplication(mlsContext(world.env), stateOf(ada), bytes)
      const effects = await bo.step({ type: "event", event: sealed(ada, made.message) })
      const delivered = effects.flatMap((effect) => (effect.type === "deliver" ? effect.event : []))
      // A copy that differs in white space or in a tag that is not looked at is still the same event.
      for (const event of delivered) expect(event).toEqual(inner)
      shown += delivered.length
      expect(bo.group.tip).toBe(before.tip)
      expect(bo.group.pass).toBe(before.pass)
      bo.take({ group: before, effects: [] })
    }
    expect(shown).toBeLessThan(texts.length / 10)
  })
})

describe("Welcomes", () => {
  test("a damaged one is refused by a typed error, and the KeyPackage opens the right one after", async () => {
    const cy = await world.member("cy")
    await ada.invite(cy)
    await world.acceptAll()
    await world.pass(1000)
    const { welcome } = ada.welcomes.at(-1) ?? { welcome: new Uint8Array() }
    const join = (bytes: Uint8Array) =>
      joinMarmotGroup(world.env, {
        device: cy.device,
        welcome: bytes,
        keyPackages: cy.keyPackages,
        inviter: ada.pubkey,
      })
    let turn = 0
    for (const bytes of damagedBytes(welcome)) {
      if (turn++ % 23 !== 0) continue
      const error: unknown = await join(bytes).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error === undefined || isRefusal(error)).toBe(true)
    }
    const { preview } = await join(welcome)
    expect(preview.relays).toEqual([RELAY])
  })
})
