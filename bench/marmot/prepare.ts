// What a catch-up starts from: a client's store as it was a month ago, and a relay that holds what came since.

import { randomBytes } from "node:crypto"
import { openClient } from "../../src/client/client.ts"
import { cipherSuite, createCrypto } from "../../src/mls/index.ts"
import { checkKeyPackageEvent } from "../../src/marmot/key-package-event.ts"
import { welcomeRumor } from "../../src/marmot/welcome-event.ts"
import { wrap } from "../../src/nostr/gift-wrap.ts"
import { LocalSigner } from "../../src/nostr/local-signer.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { RelayPool } from "../../src/nostr/pool.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { type History, HistoryMaker, type HistoryPlan } from "./history.ts"
import { type BenchClock, crowd, type Peer } from "./peer.ts"
import { type PlainRecord, RecordingStore } from "./recording-store.ts"

export interface CatchUpPlan extends HistoryPlan {
  readonly members: number
}

export interface Prepared {
  readonly plan: CatchUpPlan
  readonly groupId: string
  readonly records: readonly PlainRecord[]
  readonly history: History
}

/** Admins and members of the group who write; the others are only there. */
const ADMINS = 3
const TALKERS = 3
const KEY_PACKAGE_KIND = 30443
/** Publications that are under way at once. */
const WINDOW = 64

/** Makes the group with the client in it, closes the client, and fills the relay at `url`. */
export async function prepare(
  plan: CatchUpPlan,
  url: string,
  say: (line: string) => void,
): Promise<Prepared> {
  const crypto = await createCrypto({ suite: cipherSuite(1) })
  const clock: BenchClock = { now: Date.now() - plan.span - 60_000 }
  const pool = new RelayPool({ WebSocket: NodeWebSocket })
  const store = await RecordingStore.open()
  const client = await openClient({
    openStore: () => Promise.resolve(store),
    WebSocket: NodeWebSocket,
    random: (length) => new Uint8Array(randomBytes(length)),
    defaultRelays: [url],
    now: () => clock.now,
  })
  const { pubkey } = await client.createAccount({ name: "Under test" })
  await client.ensureReachable()

  const writers = await crowd(crypto, clock, Math.min(ADMINS + TALKERS, plan.members - 1))
  const silent = await crowd(crypto, clock, Math.max(0, plan.members - 1 - writers.length))
  const [founder, ...others] = writers
  if (founder === undefined) throw new Error("a group of two at least")
  const { events } = await pool.query([url], [{ kinds: [KEY_PACKAGE_KIND], authors: [pubkey] }])
  const [published] = events
  if (published === undefined) throw new Error("the client has no KeyPackage")
  const invitees = [(await checkKeyPackageEvent(crypto, published, clock.now)).invitee]
  for (const peer of [...others, ...silent]) invitees.push(await peer.invitee())
  const admins = writers.slice(0, ADMINS).map(({ device }) => device.pubkey)
  const welcomes = await founder.found({ invitees, admins, relays: [url] })
  for (const peer of others) {
    const welcome = welcomes.find(({ recipient }) => recipient === peer.device.pubkey)
    if (welcome !== undefined) await peer.join(founder, welcome)
  }
  const own = welcomes.find(({ recipient }) => recipient === pubkey)
  if (own === undefined) throw new Error("no Welcome for the client")
  await publish(pool, url, [await wrapped(founder, own, clock)])
  await client.sync({ timeoutMs: 60_000 })
  const [invite] = await client.invites()
  if (invite === undefined) throw new Error("the client was not invited")
  const { groupId } = await client.acceptInvite(invite.inviteId)
  await client.sync({ timeoutMs: 60_000 })
  const { records } = store
  await client.close()

  say(`making ${plan.events} events of a group of ${plan.members}`)
  const cast = {
    admins: writers.slice(0, ADMINS),
    others: writers.slice(ADMINS),
    guest: (await crowd(crypto, clock, 1))[0] ?? founder,
  }
  const history = await new HistoryMaker(cast, clock).make(plan)
  say("filling the relay")
  await publish(pool, url, history.events)
  pool.close()
  return { plan, groupId, records, history }
}

async function wrapped(
  inviter: Peer,
  own: { readonly recipient: string; readonly welcome: Uint8Array } & {
    readonly keyPackageEventId: string
    readonly relays: readonly string[]
  },
  clock: BenchClock,
): Promise<NostrEvent> {
  const { welcome, keyPackageEventId, relays, recipient } = own
  const rumor = welcomeRumor({
    pubkey: inviter.device.pubkey,
    createdAt: Math.floor(clock.now / 1000),
    welcome,
    keyPackageEventId,
    relays,
  })
  const signer = new LocalSigner(inviter.secretKey)
  const random = (length: number) => new Uint8Array(randomBytes(length))
  return wrap({ signer, rumor, recipient, now: clock.now, random })
}

/** Rejects if the relay refuses one. */
async function publish(pool: RelayPool, url: string, events: readonly NostrEvent[]): Promise<void> {
  let next = 0
  const lane = async () => {
    for (let event = events[next++]; event !== undefined; event = events[next++]) {
      const { accepted, message } = await pool.publish(url, event, { timeoutMs: 60_000 })
      if (!accepted) throw new Error(`the relay refused an event: ${message}`)
    }
  }
  await Promise.all(Array.from({ length: WINDOW }, lane))
}
