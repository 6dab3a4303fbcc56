// Marmot conformance: the clients of one scenario, what is between them, and virtual time.

import { cipherSuite, createCrypto } from "../../src/mls/index.ts"
import { seededRandom } from "../../src/marmot/device.fixture.ts"
import type { Effect, Intent, IntentFailure } from "../../src/marmot/engine-types.ts"
import { deviceOf } from "./identity.ts"
import { PacketBus } from "./packet-bus.ts"
import { type Packet, StepFailure, type Transport } from "./packet.ts"
import { Participant } from "./participant.ts"
import { RelayHistories } from "./relay-histories.ts"
import type { Fixture, Scenario } from "./scenario.ts"
import { emptyTrace, type Trace } from "./trace.ts"

/** Milliseconds; where virtual time begins. */
const START = 1_780_000_000_000
/** Wakes of one client in one tick; more means that it never comes to rest. */
const MAX_WAKES = 100
/** Ticks of clients in one file: a file that asks for more than this is not worth its time. */
const MAX_TICKS = 250_000

export interface Publication {
  readonly packet: Packet
  readonly client: Participant
  readonly groupId: string
  resolution: "accepted" | "reached_no_endpoint" | undefined
}

/** The suite's names for refusals of ours. */
const ERROR_NAMES: Partial<Record<IntentFailure, string>> = {
  not_admin: "not_group_admin",
  last_admin: "admin_policy",
  not_a_member: "admin_policy",
}

export class World {
  readonly scenario: Scenario
  readonly transport: Transport
  /** Undefined with retained relays: faults are named differently there. */
  readonly bus: PacketBus | undefined
  /** Undefined with the packet bus. */
  readonly relays: RelayHistories | undefined
  readonly trace: Trace
  readonly publications: Publication[] = []
  /** MLS group ids by the scenario's names. */
  readonly groups = new Map<string, string>()
  /** Labels of publications by the wishes behind them. */
  readonly labels = new Map<string, string>()
  now = START
  /** Time passes only where the scenario says so; before that a tick waits for whatever is due some time. */
  virtual = false
  actionId = ""
  #ticks = 0
  readonly #participants = new Map<string, Participant>()
  readonly #accounts = new Map<string, string>()

  private constructor({ scenario, transport }: Fixture) {
    this.scenario = scenario
    this.trace = emptyTrace(scenario.name)
    if (transport === "relays") {
      this.relays = new RelayHistories(scenario, () => this.seconds)
      this.transport = this.relays
    } else {
      this.bus = new PacketBus(scenario.clients)
      this.transport = this.bus
    }
  }

  static async of(fixture: Fixture): Promise<World> {
    const world = new World(fixture)
    for (const client of fixture.scenario.clients) await world.#attach(client, fixture)
    return world
  }

  get seconds(): number {
    return Math.floor(this.now / 1000)
  }

  get participants(): readonly Participant[] {
    return [...this.#participants.values()]
  }

  /** Throws `StepFailure` `unknown_client`. */
  participant(client: string): Participant {
    const found = this.#participants.get(client)
    if (found === undefined) throw new StepFailure("unknown_client", `unknown client ${client}`)
    return found
  }

  accountsOf(clients: readonly string[]): string[] {
    return clients.map((client) => this.participant(client).device.pubkey)
  }

  /** Labels of accounts, 64 hex each. */
  labelsOf(accounts: readonly string[]): string[] {
    return accounts.map((account) => this.#accounts.get(account) ?? account)
  }

  /** Meets a wish of `client` whose publication is `label`. Throws `StepFailure` with the suite's name of a refusal. */
  async want(
    client: Participant,
    intent: DistributiveOmit<Intent, "intentId">,
    label = "",
  ): Promise<readonly Effect[]> {
    const intentId = this.intentId(client, label)
    const effects = await client.step({ type: "intent", intent: { ...intent, intentId } })
    await this.collect(client)
    for (const effect of effects) {
      if (effect.type !== "intentDone" || effect.intentId !== intentId || effect.result.ok) continue
      const { code, message } = effect.result
      throw new StepFailure(ERROR_NAMES[code] ?? code, message)
    }
    return effects
  }

  intentId(client: Participant, label: string): string {
    const intentId = `${this.actionId} ${client.label}`
    if (label !== "") this.labels.set(intentId, label)
    return intentId
  }

  /** Hands what `client` emitted to the transport. */
  async collect(client: Participant): Promise<void> {
    for (const { content, groupId, intentId } of client.emissions.splice(0)) {
      const packet: Packet = {
        sequence: this.publications.length,
        sender: client.label,
        actionId: this.actionId,
        publication: intentId === undefined ? undefined : this.labels.get(intentId),
        content,
      }
      this.publications.push({ packet, client, groupId, resolution: undefined })
      this.transport.emit(packet)
      // The suite answers only what changes the group; a message that is queued has reached its relay.
      if (content.kind === "application" && this.bus !== undefined) {
        await client.published(groupId, content.event.id, "accepted")
      }
    }
  }

  /** `client` takes what has arrived and does what is due. Throws `StepFailure` `work_exhausted`. */
  async tick(client: Participant): Promise<void> {
    if (++this.#ticks > MAX_TICKS) {
      throw new StepFailure("work_exhausted", `more than ${MAX_TICKS} ticks of clients`)
    }
    if (this.relays?.isOnline(client.label) === false) return
    for (const packet of this.transport.drain(client.label)) await client.receive(packet)
    await this.wake(client)
  }

  /** Lets `client` do what is due: now in virtual time, else whatever time would bring. */
  async wake(client: Participant): Promise<void> {
    for (let wakes = 0; client.wake !== undefined; wakes++) {
      if (this.virtual && client.wake > this.now) break
      if (wakes === MAX_WAKES) {
        throw new StepFailure("no_rest", `${client.label} does not come to rest`)
      }
      this.now = Math.max(this.now, client.wake)
      await client.tick()
    }
    await this.collect(client)
  }

  async #attach(client: string, { seed }: Fixture): Promise<void> {
    const device = this.scenario.topology?.devices?.find((each) => each.client === client)
    const account = device?.account ?? client
    const random = seededRandom(`${this.scenario.name} ${seed} ${client}`)
    const crypto = await createCrypto({ suite: cipherSuite(1), random })
    const identity = await deviceOf(crypto, account, this.seconds)
    const env = () => ({ crypto, now: this.now, random })
    const participant = new Participant({ label: client, account, device: identity, env })
    this.#participants.set(client, participant)
    this.#accounts.set(identity.pubkey, account)
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
