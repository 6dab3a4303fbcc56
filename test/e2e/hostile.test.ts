// What a hostile member can send, as somebody else sees it in the app.

import { afterAll, beforeAll, expect, test } from "vitest"
import { openClient } from "../../src/client/client.ts"
import type { Client } from "../../src/client/client.ts"
import { type Engine, marmotEngine } from "../../src/client/engine.ts"
import { finalizeEvent, generateSecretKey, toRumor } from "../../src/nostr/event.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { openMemoryStore } from "../../src/store/index.ts"
import { PATIENCE, type Person, Stage } from "./stage.ts"

let stage: Stage
let alice: Person
let mallory: Client
let groupId: string
/** What Mallory's messages claim, Unix seconds; their envelopes are as all others. */
let claimed: number | undefined

const engine: Engine = {
  ...marmotEngine,
  apply: async (group, input, env) => {
    if (claimed === undefined || input.type !== "intent" || input.intent.type !== "send") {
      return marmotEngine.apply(group, input, env)
    }
    const event = toRumor({ ...input.intent.event, created_at: claimed })
    const intent = { ...input.intent, event }
    const step = await marmotEngine.apply(group, { ...input, intent }, env)
    const created_at = Math.floor(env.now / 1000)
    const effects = step.effects.map((effect) =>
      effect.type === "publish"
        ? { ...effect, event: finalizeEvent({ ...effect.event, created_at }, generateSecretKey()) }
        : effect,
    )
    return { ...step, effects }
  },
}

beforeAll(async () => {
  stage = await Stage.open()
  mallory = await openClient({
    openStore: () => openMemoryStore(),
    WebSocket: NodeWebSocket,
    defaultRelays: [stage.relay.url],
    log: () => undefined,
    engine,
  })
  await mallory.createAccount({ name: "Mallory" })
  alice = await stage.person("Alice")
  await alice.join()
  const members = [alice.npub]
  groupId = (await mallory.createGroup({ name: "Market", members })).groupId
  await alice.see("invite-card")
  await alice.click("accept-invite")
  await alice.click("confirm-yes")
  await alice.see("conversation-title", "Market")
}, PATIENCE * 2)

afterAll(async () => {
  await mallory.close()
  await stage.close()
})

const reopen = async () => {
  await alice.page.reload()
  await alice.click("chat-row")
}

test("a message from a time that no date can hold hides nothing", async () => {
  claimed = 1
  await mallory.sendMessage(groupId, { content: "Very old fish" })
  claimed = undefined
  await mallory.sendMessage(groupId, { content: "Fresh fish" })
  claimed = 2 ** 53 - 1
  await mallory.sendMessage(groupId, { content: "From the end of time" })
  await mallory.sendMessage(groupId, { kind: 1210, content: '{"text":"The end has come"}' })
  claimed = undefined
  for (const text of ["Very old fish", "Fresh fish", "From the end of time"]) await alice.sees(text)
  await alice.see("claim-row", "The end has come")
  await mallory.sendMessage(groupId, { content: "Fresh bread" })
  await alice.sees("Fresh bread")
  expect(await alice.texts()).toEqual([
    "Very old fish",
    "Fresh fish",
    "Fresh bread",
    "From the end of time",
  ])
})

test("what was said before very many reactions is still in view", async () => {
  for (let count = 0; count < 125; count++) {
    await mallory.sendMessage(groupId, { kind: 7, content: `+${count}` })
  }
  await mallory.sync()
  await mallory.sendMessage(groupId, { content: "Last words" })
  await alice.sees("Last words")
  await reopen()
  await alice.sees("Last words")
  await alice.sees("Fresh fish")
})

test("a row that fails takes no other with it", async () => {
  const broken = `
    const real = Date.prototype.toISOString
    Date.prototype.toISOString = function () {
      if (this.getTime() === 1000) throw new Error("a row fails")
      return real.call(this)
    }`
  await alice.page.addInitScript({ content: broken })
  await reopen()
  await alice.see("broken-row")
  await alice.sees("Fresh fish")
})

test("nobody saw an unhandled error", () => {
  expect(alice.problems).toEqual([])
})
