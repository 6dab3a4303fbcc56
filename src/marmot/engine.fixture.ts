// Marmot engine in a small world: members, a relay, and a clock that the test turns.

import { createHash } from "node:crypto"
import {
  cipherSuite,
  createCrypto,
  type GroupState,
  type MlsCrypto,
  type OwnKeyPackage,
} from "../mls/index.ts"
import {
  bytesToHex,
  finalizeEvent,
  generateSecretKey,
  type NostrEvent,
  publicKeyOf,
} from "../nostr/event.ts"
import { chatEvent } from "./app-event.ts"
import { createMarmotGroup } from "./create-group.ts"
import { apply, nextWake } from "./engine.ts"
import type {
  DeviceIdentity,
  Effect,
  EngineEnv,
  GroupChange,
  GroupInput,
  Intent,
  Invitee,
  MarmotGroup,
  Step,
} from "./engine-types.ts"
import { groupRecords, restoreGroup } from "./group-records.ts"
import { type Fingerprint, fingerprint, summary } from "./group-view.ts"
import { tipOf } from "./graph.ts"
import { identityProofFrom, identityProofTemplate } from "./identity-proof.ts"
import { joinMarmotGroup } from "./join-group.ts"
import {
  checkKeyPackageEvent,
  generateOwnKeyPackage,
  keyPackageTemplate,
} from "./key-package-event.ts"

const START = 1_700_000_000_000
export const RELAY = "wss://relay.example"
/** Whoever is not done by then never will be. */
const MAX_ROUNDS = 200

/** Deterministic "random" bytes, so that a failing world can be made again. */
export function seededRandom(seed: string): (length: number) => Uint8Array {
  let counter = 0
  return (length) => {
    const blocks: Buffer[] = []
    for (let have = 0; have < length; have += 32) {
      blocks.push(createHash("sha256").update(`${seed}/${counter++}`).digest())
    }
    return new Uint8Array(Buffer.concat(blocks).subarray(0, length))
  }
}

export interface Publication {
  readonly by: Member
  readonly event: NostrEvent
  readonly purpose: "commit" | "proposal" | "application"
  /** Of the message that it carries. */
  readonly innerId: string | undefined
}

/** A message as the application shows it. */
interface Shown {
  readonly content: string
  visible: boolean
}

export interface WorldOptions {
  readonly seed?: string
  /** Every group goes through its stored records after every step. */
  readonly restarts?: boolean
}

export class World {
  now = START
  readonly crypto: MlsCrypto
  readonly random: (length: number) => Uint8Array
  readonly members: Member[] = []
  /** Accepted by the relay, in its order. */
  readonly relay: NostrEvent[] = []
  /** Handed to the transport, not answered yet. */
  readonly unanswered: Publication[] = []
  readonly options: WorldOptions

  constructor(crypto: MlsCrypto, random: (length: number) => Uint8Array, options: WorldOptions) {
    this.crypto = crypto
    this.random = random
    this.options = options
  }

  get env(): EngineEnv {
    return { crypto: this.crypto, now: this.now, random: this.random }
  }

  get seconds(): number {
    return Math.floor(this.now / 1000)
  }

  async member(name: string): Promise<Member> {
    const signatureKeyPair = await this.crypto.generateSignatureKeyPair()
    const secret = generateSecretKey(this.random)
    const member = new Member(this, name, deviceOf(secret, signatureKeyPair, this.seconds), secret)
    this.members.push(member)
    return member
  }

  /** The relay takes a publication, and its sender hears of it. */
  async accept(publication: Publication): Promise<void> {
    this.#answered(publication)
    this.relay.push(publication.event)
    await publication.by.step({
      type: "published",
      eventId: publication.event.id,
      outcome: "accepted",
    })
  }

  /** The relay takes a publication, but its answer is lost. */
  acceptSilently(publication: Publication): void {
    this.#answered(publication)
    this.relay.push(publication.event)
  }

  async reject(publication: Publication): Promise<void> {
    this.#answered(publication)
    await publication.by.step({
      type: "published",
      eventId: publication.event.id,
      outcome: "rejected",
    })
  }

  async acceptAll(): Promise<void> {
    while (this.unanswered[0] !== undefined) await this.accept(this.unanswered[0])
  }

  /** Time passes; whoever wants to be woken meanwhile is woken at that time. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds
    for (let rounds = 0, since = this.now; ; rounds++) {
      const next = Math.min(...this.members.map((member) => member.wake ?? Infinity))
      if (next > end) break
      if (next > since) [rounds, since] = [0, next]
      if (rounds > MAX_ROUNDS) throw new Error("someone wants to be woken again and again")
      this.now = Math.max(this.now, next)
      for (const member of this.members) {
        if ((member.wake ?? Infinity) <= this.now) await member.tick()
      }
    }
    this.now = end
  }

  /** Everything is accepted, delivered and waited for, until nothing moves. */
  async settle(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      await this.acceptAll()
      for (const member of this.members) await member.receiveAll()
      if (this.unanswered.length > 0) continue
      const wakes = this.members.flatMap((member) => member.wake ?? [])
      if (wakes.length === 0) return
      await this.pass(Math.max(0, Math.min(...wakes) - this.now))
    }
    throw new Error("the world does not come to rest")
  }

  /** What is not handed over yet never will be. */
  recall(by: Member, innerId: string): void {
    const rest = this.unanswered.filter((each) => each.by !== by || each.innerId !== innerId)
    this.unanswered.splice(0, Infinity, ...rest)
  }

  #answered(publication: Publication): void {
    this.unanswered.splice(this.unanswered.indexOf(publication), 1)
  }
}

export class Member {
  readonly world: World
  readonly name: string
  readonly device: DeviceIdentity
  readonly secret: Uint8Array
  /** Effects of all steps, oldest first. */
  readonly effects: Effect[] = []
  readonly shown = new Map<string, Shown>()
  readonly notices = new Map<string, readonly GroupChange[]>()
  /** Welcomes that this member sent. */
  readonly welcomes: (Effect & { type: "welcome" })[] = []
  readonly keyPackages: OwnKeyPackage[] = []
  /** Ids of events that need no redelivery. */
  readonly taken = new Set<string>()
  #group: MarmotGroup | undefined
  #stored = new Map<string, { identity: unknown; bytes: Uint8Array }>()
  #intents = 0

  constructor(world: World, name: string, device: DeviceIdentity, secret: Uint8Array) {
    this.world = world
    this.name = name
    this.device = device
    this.secret = secret
  }

  get pubkey(): string {
    return this.device.pubkey
  }

  get group(): MarmotGroup {
    if (this.#group === undefined) throw new Error(`${this.name} is in no group`)
    return this.#group
  }

  get isMember(): boolean {
    return this.#group !== undefined
  }

  get wake(): number | undefined {
    return this.#group === undefined ? undefined : nextWake(this.#group)
  }

  get fingerprint(): Fingerprint {
    return fingerprint(this.group)
  }

  get epoch(): number {
    return summary(this.group).epoch
  }

  get title(): string {
    return summary(this.group).name
  }

  /** Visible messages, in the order in which they first appeared. */
  get messages(): string[] {
    return [...this.shown.values()].filter((row) => row.visible).map((row) => row.content)
  }

  /** Lines for the visible notices. */
  get notified(): string[] {
    return [...this.notices.values()].flat().map((change) => change.type)
  }

  outcomes(): string[] {
    return this.effects.flatMap((effect) =>
      effect.type === "intentDone"
        ? [`${effect.intentId}: ${effect.result.ok ? "ok" : effect.result.code}`]
        : [],
    )
  }

  async invitee(): Promise<Invitee> {
    const { crypto, now, seconds, random } = this.world
    const own = await generateOwnKeyPackage(crypto, { device: this.device, now })
    this.keyPackages.push(own)
    const slot = bytesToHex(random(32))
    const event = finalizeEvent(
      keyPackageTemplate(crypto, own, { slot, createdAt: seconds }),
      this.secret,
    )
    return (await checkKeyPackageEvent(crypto, event, now)).invitee
  }

  async create(invited: readonly Member[] = [], name = "Burrow"): Promise<void> {
    const invitees: Invitee[] = []
    for (const member of invited) invitees.push(await member.invitee())
    const params = { device: this.device, name, description: "", relays: [RELAY], invitees }
    this.take(await createMarmotGroup(this.world.env, params))
    for (const member of invited) await member.join(this)
  }

  /** With the newest Welcome that `inviter` sent us. */
  async join(inviter: Member): Promise<void> {
    const welcome = inviter.welcomes.filter(({ recipient }) => recipient === this.pubkey).at(-1)
    if (welcome === undefined) throw new Error(`${this.name} has no Welcome`)
    const joined = await joinMarmotGroup(this.world.env, {
      device: this.device,
      welcome: welcome.welcome,
      keyPackages: this.keyPackages,
      inviter: inviter.pubkey,
    })
    this.take({ group: joined.group, effects: [] })
  }

  async step(input: GroupInput): Promise<readonly Effect[]> {
    const step = await apply(this.group, input, this.world.env)
    this.take(step)
    return step.effects
  }

  tick(): Promise<readonly Effect[]> {
    return this.step({ type: "tick" })
  }

  /** Returns the intent's id. */
  async want(intent: DistributiveOmit<Intent, "intentId">): Promise<string> {
    const intentId = `${this.name}-${this.#intents++}`
    await this.step({ type: "intent", intent: { ...intent, intentId } })
    return intentId
  }

  rename(name: string): Promise<string> {
    return this.want({ type: "update", name })
  }

  async invite(...invited: Member[]): Promise<string> {
    const invitees: Invitee[] = []
    for (const member of invited) invitees.push(await member.invitee())
    return this.want({ type: "invite", invitees })
  }

  /** Returns the inner id. */
  async say(content: string): Promise<string> {
    const event = chatEvent({ pubkey: this.pubkey, createdAt: this.world.seconds, content })
    await this.want({ type: "send", event })
    return event.id
  }

  /** One event; its category, or its disposition if there is none. */
  async receive(event: NostrEvent): Promise<string> {
    const effects = await this.step({ type: "event", event })
    const found = effects.find(
      (effect) => effect.type === "disposition" && effect.eventId === event.id,
    )
    if (found?.type !== "disposition") throw new Error("an event without a disposition")
    if (found.category !== "resource_refused") this.taken.add(event.id)
    return found.category ?? found.disposition ?? ""
  }

  /** What the relay has and this member has not taken, in the relay's order. */
  get missing(): NostrEvent[] {
    return this.world.relay.filter((event) => !this.taken.has(event.id))
  }

  async receiveAll(): Promise<void> {
    if (this.#group === undefined) return
    for (const event of this.missing) await this.receive(event)
  }

  /** Our newest publication that waits for an answer. */
  get publication(): Publication {
    const found = this.world.unanswered.filter((publication) => publication.by === this).at(-1)
    if (found === undefined) throw new Error(`${this.name} has published nothing`)
    return found
  }

  /** The group as it comes back from its stored records. */
  restart(): void {
    const records = new Map([...this.#stored].map(([name, { bytes }]) => [name, bytes]))
    this.#group = restoreGroup(records, this.device)
    this.#store(this.#group, true)
  }

  /** Bytes as they were stored by writing only the records whose identity changed. */
  get stored(): ReadonlyMap<string, Uint8Array> {
    return new Map([...this.#stored].map(([name, { bytes }]) => [name, bytes]))
  }

  take(step: Step): void {
    this.#group = step.group
    this.#store(step.group, false)
    if (this.world.options.restarts) this.restart()
    for (const effect of step.effects) this.#perform(effect)
  }

  #store(group: MarmotGroup, baseline: boolean): void {
    const records = groupRecords(group)
    const next = new Map<string, { identity: unknown; bytes: Uint8Array }>()
    for (const [name, record] of records) {
      const known = this.#stored.get(name)
      const kept = known !== undefined && (baseline || known.identity === record.identity)
      const bytes = kept ? known.bytes : record.encode()
      next.set(name, { identity: record.identity, bytes })
    }
    this.#stored = next
  }

  #perform(effect: Effect): void {
    this.effects.push(effect)
    switch (effect.type) {
      case "publish": {
        const { event, purpose, innerId } = effect
        this.world.unanswered.push({ by: this, event, purpose, innerId })
        return
      }
      case "recall":
        this.world.recall(this, effect.innerId)
        return
      case "welcome":
        this.welcomes.push(effect)
        return
      case "deliver":
        this.shown.set(effect.event.id, { content: effect.event.content, visible: true })
        return
      case "withdraw":
        this.#row(effect.innerId).visible = false
        return
      case "restore":
        this.#row(effect.innerId).visible = true
        return
      case "notify":
        this.notices.set(effect.commitDigest, effect.changes)
        return
      case "withdrawNotices":
        this.notices.delete(effect.commitDigest)
        return
      case "disposition":
        // It was let go of after all.
        if (effect.category === "resource_refused") this.taken.delete(effect.eventId)
        return
      case "changeLost":
      case "intentDone":
      case "ended":
      case "refetch":
        return
    }
  }

  #row(innerId: string): Shown {
    const row = this.shown.get(innerId)
    if (row === undefined) throw new Error("an effect on a message that was never shown")
    return row
  }
}

/** A world with these people in one group; the first one founded it. */
export async function worldOf<const Names extends readonly string[]>(
  names: Names,
  options: WorldOptions = {},
): Promise<{ readonly world: World; readonly people: { [K in keyof Names]: Member } }> {
  const random = seededRandom(options.seed ?? names.join())
  const crypto = await createCrypto({ suite: cipherSuite(1), random })
  const world = new World(crypto, random, options)
  const people: Member[] = []
  for (const name of names) people.push(await world.member(name))
  const [founder, ...others] = people
  if (founder === undefined) throw new Error("a group needs a founder")
  await founder.create(others)
  return { world, people: people as unknown as { [K in keyof Names]: Member } }
}

/** The MLS state at the canonical tip. */
export function stateOf(member: Member): GroupState {
  const state = tipOf(member.group).mls
  if (state === undefined) throw new Error(`${member.name} was removed`)
  return state
}

function deviceOf(
  secret: Uint8Array,
  signatureKeyPair: DeviceIdentity["signatureKeyPair"],
  seconds: number,
): DeviceIdentity {
  const pubkey = publicKeyOf(secret)
  const key = { ciphersuite: 1, signaturePublicKey: signatureKeyPair.publicKey }
  const template = identityProofTemplate(key, seconds)
  const identityProof = identityProofFrom(template, finalizeEvent(template, secret), pubkey)
  return { pubkey, signatureKeyPair, identityProof }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
