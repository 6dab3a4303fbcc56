// Tests: whole clients over the real development relay, each on a memory store.

import type { ClientApi, MessageItem } from "../../src/client/api.ts"
import { openClient } from "../../src/client/client.ts"
import type { Client, ClientOptions } from "../../src/client/client.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { openMemoryStore } from "../../src/store/index.ts"

export interface Person {
  readonly client: Client
  readonly pubkey: string
  readonly npub: string
}

/** A client without an account. `options` replaces parts of its world. */
export function startClient(
  relays: readonly string[],
  options: Partial<ClientOptions> = {},
): Promise<Client> {
  return openClient({
    openStore: () => openMemoryStore(),
    WebSocket: NodeWebSocket,
    defaultRelays: relays,
    log: (message, error) => {
      if (process.env["BURROW_TEST_LOG"] !== undefined)
        process.stderr.write(`${message} ${String(error)}\n`)
    },
    ...options,
  })
}

/** A client whose account can be invited. */
export async function startPerson(
  relays: readonly string[],
  name: string,
  options: Partial<ClientOptions> = {},
): Promise<Person> {
  const client = await startClient(relays, options)
  const { pubkey, npub } = await client.createAccount({ name })
  await client.ensureReachable()
  return { client, pubkey, npub }
}

export async function syncAll(...people: readonly Person[]): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await Promise.all(people.map(({ client }) => client.sync({ timeoutMs: 20_000 })))
  }
}

/** Accepts the one invitation that is there. */
export async function acceptOnly({ client }: Person): Promise<string> {
  await client.sync()
  const [invite, ...more] = await client.invites()
  if (invite === undefined || more.length > 0) throw new Error("there is not exactly one invite")
  return (await client.acceptInvite(invite.inviteId)).groupId
}

export async function messages(api: ClientApi, groupId: string): Promise<readonly MessageItem[]> {
  const { items } = await api.timeline(groupId, { limit: 500 })
  return items.filter((item) => item.type === "message")
}

export async function contents(api: ClientApi, groupId: string): Promise<readonly string[]> {
  return (await messages(api, groupId)).map(({ content }) => content)
}

export async function rows(api: ClientApi, groupId: string): Promise<readonly string[]> {
  const { items } = await api.timeline(groupId, { limit: 500 })
  return items.flatMap((item) => (item.type === "system" ? [item.change.event] : []))
}
