import { expect, test } from "vitest"
import { generateOwnKeyPackage } from "../marmot/key-package-event.ts"
import { cipherSuite, createCrypto } from "../mls/index.ts"
import { finalizeEvent, generateSecretKey, publicKeyOf } from "../nostr/event.ts"
import { openMemoryStore } from "../store/index.ts"
import type { Draft } from "./draft.ts"
import { KeyPackages, RENEW_BEFORE, REPLACED_KEPT_MS } from "./key-packages.ts"
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
  const add = async (ref: string, created_at: number) => {
    const own = await generateOwnKeyPackage(crypto, { device, now })
    const event = finalizeEvent({ created_at, kind: 30443, tags: [], content: ref }, secretKey)
    const notAfter = (now + LIFE) / 1000
    await mailbox.run((draft) => keyPackages.add(draft, { ref, own, event, notAfter }))
    return event
  }
  return {
    store,
    keyPackages,
    add,
    run: (work: (draft: Draft) => void) => mailbox.run(work),
    pass: (milliseconds: number) => {
      now += milliseconds
      return now
    },
  }
}

const none: ReadonlySet<string> = new Set()

test("a replaced package stays for a day, and for as long as an invitation needs it", async () => {
  const { keyPackages, add, run, pass } = await setup()
  const first = await add("a", 1)
  const second = await add("b", 2)
  await run((draft) => keyPackages.acknowledged(draft, first.id))
  await run((draft) => keyPackages.sweep(draft, none))
  expect(keyPackages.own()).toHaveLength(2)
  // Only the acknowledgement of its successor starts the day.
  pass(2 * REPLACED_KEPT_MS)
  await run((draft) => keyPackages.sweep(draft, none))
  expect(keyPackages.own()).toHaveLength(2)
  await run((draft) => keyPackages.acknowledged(draft, second.id))
  pass(REPLACED_KEPT_MS + 1)
  await run((draft) => keyPackages.sweep(draft, new Set(["a"])))
  expect(keyPackages.own()).toHaveLength(2)
  await run((draft) => keyPackages.sweep(draft, none))
  expect(keyPackages.own()).toHaveLength(1)
  expect(keyPackages.newest?.ref).toBe("b")
})

test("nothing outlives its lifetime", async () => {
  const { keyPackages, add, run, pass } = await setup()
  await add("a", 1)
  pass(LIFE + 1_000)
  await run((draft) => keyPackages.sweep(draft, new Set(["a"])))
  expect(keyPackages.own()).toHaveLength(0)
})

test("a package is current until it is used up or near its end", async () => {
  const { keyPackages, add, run, pass, store } = await setup()
  await add("a", 1)
  expect(keyPackages.current(pass(0))?.ref).toBe("a")
  expect(keyPackages.current(pass(LIFE - RENEW_BEFORE * 1000))).toBeUndefined()
  await add("b", 2)
  expect(keyPackages.current(pass(0))?.ref).toBe("b")
  await run((draft) => keyPackages.consumed(draft, "b"))
  expect(keyPackages.current(pass(0))).toBeUndefined()
  const again = new KeyPackages()
  await again.load(store)
  expect(again.own()).toHaveLength(2)
  expect(again.current(pass(0))).toBeUndefined()
})
