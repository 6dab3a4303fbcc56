import { expect, test } from "vitest"
import { generateOwnKeyPackage } from "../marmot/key-package-event.ts"
import { cipherSuite, createCrypto } from "../mls/index.ts"
import { finalizeEvent, generateSecretKey, publicKeyOf } from "../nostr/event.ts"
import { openMemoryStore } from "../store/index.ts"
import type { Draft } from "./draft.ts"
import { KEPT_MS, KeyPackages, MAX_SLOTS, slotOf } from "./key-packages.ts"
import { Mailbox } from "./mailbox.ts"

const DAY = 24 * 3_600_000
const LIFE = 84 * DAY

async function setup() {
  const store = await openMemoryStore()
  let now = 1_700_000_000_000
  const mailbox = new Mailbox({
    batch: (ops) => store.batch(ops),
    now: () => now,
    onChange: () => undefined,
    log: () => undefined,
  })
  const secretKey = generateSecretKey()
  const crypto = await createCrypto({ suite: cipherSuite(1) })
  const device = {
    pubkey: publicKeyOf(secretKey),
    signatureKeyPair: await crypto.generateSignatureKeyPair(),
    identityProof: new Uint8Array(104),
  }
  const keyPackages = new KeyPackages()
  /** Refs begin with four hex digits that say when the package is renewed: of these, 14 days before the end. */
  const add = async (name: string, slot: string, created_at: number) => {
    const own = await generateOwnKeyPackage(crypto, { device, now })
    const tags = [["d", slot]]
    const event = finalizeEvent({ created_at, kind: 30443, tags, content: name }, secretKey)
    const notAfter = (now + LIFE) / 1000
    const ref = `0000${name}`
    await mailbox.run((draft) => keyPackages.add(draft, { ref, own, event, notAfter }))
    return { ref, id: event.id }
  }
  const published = async (name: string, slot: string, created_at: number) => {
    const made = await add(name, slot, created_at)
    await mailbox.run((draft) => keyPackages.acknowledged(draft, made.id))
    return made.ref
  }
  const plan = (needed: readonly string[] = [], isCurrent = true) => {
    const question = { now, needed: new Set(needed), isCurrent: () => isCurrent }
    const found = keyPackages.plan(question)
    return found.do === "replace" ? `replace ${found.slot}` : found.do
  }
  return {
    store,
    keyPackages,
    add,
    published,
    plan,
    standing: () =>
      keyPackages.standing().map(({ ref, event }) => `${slotOf(event)} ${ref.slice(4)}`),
    refs: () =>
      new Set(["a", "b", "c", "d"].filter((ref) => keyPackages.hasPrivatePart(`0000${ref}`))),
    consume: (ref: string) => mailbox.run((draft) => keyPackages.consumed(draft, ref)),
    run: (work: (draft: Draft) => void) => mailbox.run(work),
    pass: (milliseconds: number) => {
      now += milliseconds
    },
  }
}

test("the private part goes when the slot's next package is acknowledged, not before, not later (§5)", async () => {
  const { add, published, refs, run, keyPackages } = await setup()
  await published("a", "1", 1)
  const next = await add("b", "1", 2)
  expect(refs()).toEqual(new Set(["a", "b"]))
  await run((draft) => keyPackages.acknowledged(draft, next.id))
  expect(refs()).toEqual(new Set(["b"]))
  // A late answer about the first changes nothing.
  const other = await add("c", "2", 3)
  await run((draft) => keyPackages.acknowledged(draft, other.id))
  expect(refs()).toEqual(new Set(["b", "c"]))
})

test("nothing outlives its lifetime", async () => {
  const { keyPackages, published, run, pass } = await setup()
  await published("a", "1", 1)
  pass(LIFE + 1_000)
  await run((draft) => keyPackages.sweep(draft))
  expect(keyPackages.own()).toHaveLength(0)
})

test("one that was used up makes room in a new slot, and is replaced in its own a day later", async () => {
  const { published, consume, plan, pass, standing } = await setup()
  expect(plan()).toBe("add")
  const first = await published("a", "1", 1)
  expect(plan()).toBe("nothing")
  await consume(first)
  expect(plan()).toBe("add")
  await published("b", "2", 2)
  expect(standing()).toEqual(["2 b", "1 a"])
  expect(plan()).toBe("nothing")
  pass(KEPT_MS + 1)
  expect(plan()).toBe("replace 1")
  await published("c", "1", 3)
  expect(standing()).toEqual(["1 c", "2 b"])
  expect(plan()).toBe("nothing")
  pass(KEPT_MS + 1)
  expect(plan()).toBe("nothing")
})

test("an invitation that waits keeps its package in the slot, to its last day", async () => {
  const { published, consume, plan, pass } = await setup()
  const first = await published("a", "1", 1)
  await consume(first)
  await published("b", "2", 2)
  pass(2 * KEPT_MS)
  expect(plan([first])).toBe("nothing")
  expect(plan()).toBe("replace 1")
  pass(LIFE - 3 * KEPT_MS + 1_000)
  // The freshest is due as well, and comes first: where nobody needs anything, else in a further slot.
  expect(plan([first])).toBe("add")
  await published("c", "3", 3)
  // On their last day both others go.
  expect(plan([first])).toBe("replace 2")
  await published("d", "2", 4)
  expect(plan([first])).toBe("replace 1")
})

test("whoever joins many groups in a day goes on with one of last resort until a slot is free", async () => {
  const { published, consume, plan, pass } = await setup()
  const names = ["a", "b", "c"]
  for (const [i, name] of names.entries()) {
    expect(plan()).toBe("add")
    await consume(await published(name, `${i}`, i))
  }
  expect(names).toHaveLength(MAX_SLOTS)
  expect(plan()).toBe("nothing")
  pass(KEPT_MS + 1)
  expect(plan()).toBe("replace 0")
  await published("d", "0", 10)
  // The last one was superseded a moment ago.
  expect(plan()).toBe("replace 1")
})

test("it is renewed before its end, and when the app has learnt something", async () => {
  const { published, plan, pass } = await setup()
  await published("a", "1", 1)
  pass(LIFE - 14 * DAY - 1_000)
  expect(plan()).toBe("nothing")
  pass(2_000)
  expect(plan()).toBe("add")
  await published("b", "2", 2)
  expect(plan()).toBe("nothing")
  expect(plan([], false)).toBe("add")
  pass(KEPT_MS + 1)
  expect(plan()).toBe("replace 1")
})

test("all of it survives a restart", async () => {
  const { published, consume, store, standing } = await setup()
  await consume(await published("a", "1", 1))
  await published("b", "2", 2)
  const again = new KeyPackages()
  await again.load(store)
  expect(again.standing().map(({ ref, event }) => `${slotOf(event)} ${ref.slice(4)}`)).toEqual(
    standing(),
  )
  expect(again.standing()[1]).toMatchObject({ consumed: true, published: true })
  expect(again.own()).toHaveLength(2)
})

test("one that was taken back stands nowhere, and can still be joined with", async () => {
  const { published, keyPackages, run, plan, refs } = await setup()
  const ref = await published("a", "1", 1)
  await run((draft) => keyPackages.withdraw(draft, ref))
  expect(keyPackages.newest).toBeUndefined()
  expect(plan()).toBe("add")
  expect(refs()).toEqual(new Set(["a"]))
  expect(keyPackages.isKnownSlot("1")).toBe(true)
})
