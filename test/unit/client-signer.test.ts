import { afterEach, beforeEach, expect, test } from "vitest"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import type { Client, ClientOptions } from "../../src/client/client.ts"
import type { Timers } from "../../src/client/ports.ts"
import { parseNsec } from "../../src/nostr/address.ts"
import { SignerError } from "../../src/nostr/error.ts"
import { finalizeEvent, generateSecretKey } from "../../src/nostr/event.ts"
import type { EventTemplate } from "../../src/nostr/event.ts"
import { LocalSigner } from "../../src/nostr/local-signer.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import type { Nip07Provider } from "../../src/nostr/nip07-signer.ts"
import { RelayPool } from "../../src/nostr/pool.ts"
import { acceptOnly, startClient, startPerson } from "./client.fixture.ts"

let relay: RunningRelay
const clients: Client[] = []

beforeEach(async () => {
  relay = await startRelay()
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await relay.close()
})

/** Minutes pass in a moment. */
const HASTE = 500
const hasty: Timers = {
  setTimeout: (run, milliseconds) => setTimeout(run, milliseconds / HASTE),
  clearTimeout: (timer) => clearTimeout(timer),
}
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** An extension that counts its questions, and answers as `trouble` says. */
class Extension implements Nip07Provider {
  readonly signer = new LocalSigner(generateSecretKey())
  readonly asked: string[] = []
  trouble: ((question: string) => unknown) | undefined

  readonly nip44 = {
    encrypt: (pubkey: string, text: string) =>
      this.#ask("encrypt", () => this.signer.nip44Encrypt(pubkey, text)),
    decrypt: (pubkey: string, payload: string) =>
      this.#ask("decrypt", () => this.signer.nip44Decrypt(pubkey, payload)),
  }

  getPublicKey(): Promise<unknown> {
    return this.signer.publicKey()
  }

  signEvent(template: EventTemplate): Promise<unknown> {
    return this.#ask(`sign ${template.kind}`, () => this.signer.signEvent(template))
  }

  async #ask(question: string, answer: () => Promise<unknown>): Promise<unknown> {
    this.asked.push(question)
    const trouble = await this.trouble?.(question)
    return trouble ?? answer()
  }
}

async function withExtension(
  extension: Extension,
  options: Partial<ClientOptions> = {},
): Promise<Client> {
  const client = await startClient([relay.url], { extension, ...options })
  clients.push(client)
  await client.loginWithExtension({})
  return client
}

async function local(name: string) {
  const person = await startPerson([relay.url], name)
  clients.push(person.client)
  return person
}

test("an extension that signs for another account is not asked each minute", async () => {
  const extension = new Extension()
  const other = generateSecretKey()
  extension.trouble = (question) =>
    question === "sign 450"
      ? undefined
      : finalizeEvent({ created_at: 1, kind: 1, tags: [], content: "" }, other)
  const start = Date.now()
  const now = () => start + (Date.now() - start) * HASTE
  await withExtension(extension, { timers: hasty, now })
  await expect.poll(() => extension.asked.length).toBeGreaterThan(1)
  const asked = extension.asked.length
  await pause(1_500)
  expect(extension.asked.length).toBe(asked)
})

test("a refused invitation is not asked about with each connection, but when the signer is back", async () => {
  const bob = await local("Bob")
  const extension = new Extension()
  const client = await withExtension(extension)
  await client.ensureReachable()
  extension.trouble = (question) => {
    if (question === "sign 13") throw new Error("no")
  }
  await client.createGroup({ name: "Us", members: [bob.npub] })
  const seals = () => extension.asked.filter((question) => question === "sign 13").length
  await expect.poll(seals).toBe(1)
  for (let round = 0; round < 3; round++) {
    client.setOnline(false)
    client.setOnline(true)
    await expect.poll(async () => (await client.connection()).online).toBe(true)
    await pause(100)
  }
  expect(seals()).toBe(1)
  extension.trouble = undefined
  client.signerAvailable()
  await client.sync()
  await acceptOnly(bob)
  expect(seals()).toBe(2)
})

test("an invitation that comes while no tab can be asked appears when one can", async () => {
  const extension = new Extension()
  const client = await withExtension(extension, { timers: hasty })
  await client.ensureReachable()
  extension.trouble = () => {
    throw new SignerError("unavailable", "no tab")
  }
  const alice = await local("Alice")
  const pubkey = await extension.signer.publicKey()
  await alice.client.createGroup({ name: "Us", members: [pubkey] })
  await alice.client.sync()
  const unwraps = () => extension.asked.filter((question) => question === "decrypt").length
  await expect.poll(unwraps).toBeGreaterThan(8)
  extension.trouble = undefined
  client.signerAvailable()
  await expect.poll(async () => (await client.invites()).length).toBe(1)
})

test("a new name waits for somebody who knows the rest of the profile", async () => {
  const pool = new RelayPool({ WebSocket: NodeWebSocket })
  const { client, pubkey } = await local("Alice")
  await client.sync()
  const secretKey = parseNsec(await client.revealSecretKey())
  const created_at = Math.floor(Date.now() / 1000) + 5
  const content = JSON.stringify({ name: "Alice", picture: "https://example.org/a.png" })
  await pool.publish(
    relay.url,
    finalizeEvent({ created_at, kind: 0, tags: [], content }, secretKey),
  )
  client.setOnline(false)
  await expect(client.setProfileName("Ada")).rejects.toMatchObject({ code: "publish_failed" })
  client.setOnline(true)
  await expect.poll(async () => (await client.connection()).online).toBe(true)
  await client.setProfileName("Ada")
  const { events } = await pool.query([relay.url], [{ kinds: [0], authors: [pubkey] }])
  expect(JSON.parse(events[0]?.content ?? "")).toMatchObject({
    name: "Ada",
    picture: "https://example.org/a.png",
  })
  pool.close()
})
