import { expect, test } from "vitest"
import { finalizeEvent, generateSecretKey, publicKeyOf } from "../nostr/event.ts"
import { Nip07Signer } from "../nostr/nip07-signer.ts"
import type { Nip07Provider } from "../nostr/nip07-signer.ts"
import { answerExtension, ExtensionBridge, presence, Tab } from "./extension-bridge.ts"
import { systemTimers } from "./world.fixture.ts"

const secretKey = generateSecretKey()

function extension(log: string[], name: string): Nip07Provider {
  return {
    getPublicKey: () => {
      log.push(name)
      return Promise.resolve(publicKeyOf(secretKey))
    },
    signEvent: (template) => {
      log.push(name)
      return Promise.resolve(finalizeEvent(template, secretKey))
    },
  }
}

/** A tab whose messages cross over as clones. `provider: null` never answers. */
function openTab(bridge: ExtensionBridge, provider: Nip07Provider | undefined | null) {
  const tab: Tab = new Tab((message) => {
    if (provider === null) return
    void answerExtension(structuredClone(message), provider, (answer) => {
      bridge.receive(tab, structuredClone(answer))
    })
  })
  bridge.add(tab)
  return tab
}

const template = { created_at: 1, kind: 450, tags: [["d", "x"]], content: "y" }

test("a question goes to the visible tab that has an extension", async () => {
  const bridge = new ExtensionBridge(systemTimers)
  const log: string[] = []
  for (const [name, visible] of [
    ["hidden", false],
    ["visible", true],
  ] as const) {
    bridge.receive(openTab(bridge, extension(log, name)), presence(true, visible))
  }
  bridge.receive(openTab(bridge, undefined), presence(false, true))
  const signed = await new Nip07Signer(bridge).signEvent(template)
  expect(signed).toMatchObject({ ...template, pubkey: publicKeyOf(secretKey) })
  expect(log).toEqual(["visible", "visible"])
})

test("a tab that goes away hands its questions to another one", async () => {
  const bridge = new ExtensionBridge(systemTimers)
  const log: string[] = []
  const frozen = openTab(bridge, null)
  bridge.receive(frozen, presence(true, true))
  const key = bridge.getPublicKey()
  bridge.receive(openTab(bridge, extension(log, "other")), presence(true, false))
  bridge.remove(frozen)
  expect(await key).toBe(publicKeyOf(secretKey))
})

test("the last tab that goes away rejects them; without any, there is no signer", async () => {
  const bridge = new ExtensionBridge(systemTimers)
  await expect(bridge.getPublicKey()).rejects.toMatchObject({ code: "unavailable" })
  const frozen = openTab(bridge, null)
  bridge.receive(frozen, presence(true, true))
  const key = bridge.getPublicKey()
  bridge.remove(frozen)
  await expect(key).rejects.toMatchObject({ code: "unavailable" })
})

test("a refusal is a refusal, an extension without NIP-44 is unavailable for it", async () => {
  const bridge = new ExtensionBridge(systemTimers)
  const refusing: Nip07Provider = {
    getPublicKey: () => Promise.reject(new Error("denied by user")),
    signEvent: () => Promise.reject(new Error("denied by user")),
  }
  bridge.receive(openTab(bridge, refusing), presence(true, true))
  await expect(bridge.signEvent({ ...template, tags: [] })).rejects.toMatchObject({
    code: "refused",
  })
  await expect(bridge.nip44.encrypt("a", "b")).rejects.toMatchObject({ code: "unavailable" })
})
