// Messages and Commits a second, out and in, for groups of different sizes: the engine, without store and relays.

import { cipherSuite, createCrypto } from "../../src/mls/index.ts"
import { chatEvent } from "../../src/marmot/app-event.ts"
import { nextWake } from "../../src/marmot/engine.ts"
import type { Invitee } from "../../src/marmot/engine-types.ts"
import { fingerprint } from "../../src/marmot/group-view.ts"
import { type NostrEvent, verifyEvent } from "../../src/nostr/event.ts"
import { verifyFast } from "../../src/nostr/fast-verify.ts"
import { type BenchClock, crowd, type Peer } from "./peer.ts"

/** Milliseconds for the whole, and operations a second by the clock and by this process' CPU (all threads). */
export interface Rate {
  readonly wall: number
  readonly cpu: number
  readonly perSecond: number
  readonly perCpuSecond: number
}

export interface Throughput {
  readonly members: number
  /** The founding Commit with everybody's Welcome; KeyPackages are made before. */
  readonly create: Rate
  readonly join: Rate
  /** Encrypted, sealed and signed. */
  readonly messagesOut: Rate
  /** Signature, outer layer, MLS, inner event. */
  readonly messagesIn: Rate
  readonly commitsOut: Rate
  readonly commitsIn: Rate
}

const RELAY = "wss://relay.example"
const START = 1_780_000_000_000

/** Throws if anything that was sent is not received, or the two ends differ. */
export async function throughput(
  members: number,
  { messages, commits }: { readonly messages: number; readonly commits: number },
): Promise<Throughput> {
  await verifyFast()
  const crypto = await createCrypto({ suite: cipherSuite(1) })
  const clock: BenchClock = { now: START }
  const people = await crowd(crypto, clock, members)
  const [sender, receiver] = people
  if (sender === undefined || receiver === undefined) throw new Error("a group of two at least")
  const invitees: Invitee[] = []
  for (const peer of people.slice(1)) invitees.push(await peer.invitee())
  const found = () => sender.found({ invitees, admins: [sender.device.pubkey], relays: [RELAY] })
  const [create, welcomes] = await measured(1, found)
  const welcome = welcomes.find(({ recipient }) => recipient === receiver.device.pubkey)
  if (welcome === undefined) throw new Error("no Welcome")
  const [join] = await measured(1, () => receiver.join(sender, welcome))

  const [messagesOut, said] = await measured(messages, () => speak(sender, clock, messages))
  const [messagesIn, shown] = await measured(messages, () => receive(receiver, said))
  const [commitsOut, changes] = await measured(commits, () => change(sender, clock, commits))
  const [commitsIn] = await measured(commits, async () => {
    await receive(receiver, changes)
    await settle(receiver, clock)
  })
  const ends = [sender, receiver].map((peer) => JSON.stringify(fingerprint(peer.group)))
  if (shown !== messages || ends[0] !== ends[1]) throw new Error("the two ends differ")
  return { members, create, join, messagesOut, messagesIn, commitsOut, commitsIn }
}

async function speak(peer: Peer, clock: BenchClock, count: number): Promise<NostrEvent[]> {
  const events: NostrEvent[] = []
  const { pubkey } = peer.device
  const createdAt = Math.floor(clock.now / 1000)
  for (let i = 0; i < count; i++) {
    const content = `Message ${i}, about as long as what people write to each other most of the time.`
    events.push(await peer.say(chatEvent({ pubkey, createdAt, content })))
  }
  return events
}

async function change(peer: Peer, clock: BenchClock, count: number): Promise<NostrEvent[]> {
  const events: NostrEvent[] = []
  for (let i = 0; i < count; i++) {
    clock.now += 60_000
    const event = await peer.want({ type: "update", name: `Benchmark ${i}` })
    await peer.accepted(event)
    events.push(event)
  }
  return events
}

/** How many messages were delivered. */
async function receive(peer: Peer, events: readonly NostrEvent[]): Promise<number> {
  if (!events.every(verifyEvent)) throw new Error("an event with a wrong signature")
  const effects = await peer.step({ type: "events", events, areStored: true })
  return effects.filter((effect) => effect.type === "deliver").length
}

async function settle(peer: Peer, clock: BenchClock): Promise<void> {
  for (let wake = nextWake(peer.group); wake !== undefined; wake = nextWake(peer.group)) {
    clock.now = Math.max(clock.now, wake)
    await peer.step({ type: "tick" })
  }
}

async function measured<T>(count: number, work: () => Promise<T>): Promise<readonly [Rate, T]> {
  const before = process.cpuUsage()
  const start = performance.now()
  const result = await work()
  const wall = performance.now() - start
  const { user, system } = process.cpuUsage(before)
  const cpu = (user + system) / 1000
  return [
    { wall, cpu, perSecond: perSecond(count, wall), perCpuSecond: perSecond(count, cpu) },
    result,
  ]
}

const perSecond = (count: number, milliseconds: number) => (count / milliseconds) * 1000
