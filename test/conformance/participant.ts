// Marmot conformance: one client of a scenario, driving the engine as the product does, through stored records.

import {
  encodeMlsMessage,
  type MlsCrypto,
  MlsError,
  type OwnKeyPackage,
  wireFormats,
} from "../../src/mls/index.ts"
import { apply, nextWake } from "../../src/marmot/engine.ts"
import type {
  DeviceIdentity,
  Effect,
  EngineEnv,
  GroupInput,
  Invitee,
  MarmotGroup,
  Step,
} from "../../src/marmot/engine-types.ts"
import { createMarmotGroup, type NewGroup } from "../../src/marmot/create-group.ts"
import { MarmotError } from "../../src/marmot/error.ts"
import { groupRecords, restoreGroup } from "../../src/marmot/group-records.ts"
import { summary } from "../../src/marmot/group-view.ts"
import { joinMarmotGroup } from "../../src/marmot/join-group.ts"
import { generateOwnKeyPackage } from "../../src/marmot/key-package-event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { decisionOf } from "./decision.ts"
import { inviteeOf } from "./identity.ts"
import { ObservationWindow } from "./observation-window.ts"
import { type Packet, StepFailure, type WelcomeEffect } from "./packet.ts"

/** What a step gave to the network. */
export interface Emission {
  readonly content: Packet["content"]
  readonly groupId: string
  /** The wish behind a Commit or a Welcome. */
  readonly intentId: string | undefined
}

export interface ParticipantOptions {
  readonly label: string
  /** Label of the account; several clients may share one. */
  readonly account: string
  readonly device: DeviceIdentity
  readonly env: () => EngineEnv
}

export class Participant {
  readonly label: string
  readonly account: string
  readonly device: DeviceIdentity
  readonly window = new ObservationWindow()
  readonly groups = new Map<string, MarmotGroup>()
  /** Filled by steps; the world takes from it. */
  readonly emissions: Emission[] = []
  readonly crypto: MlsCrypto
  /** The group that steps without `in_group` are about. */
  current: string | undefined
  /** Messages that the application has, by inner id: each counts once, whatever happens to branches. */
  readonly #received = new Set<string>()
  readonly #env: () => EngineEnv
  readonly #keyPackages: OwnKeyPackage[] = []
  /** Wishes by the KeyPackage events that they use. */
  readonly #invitations = new Map<string, string>()
  /** Stored bytes by group, written only where a record's identity changed. */
  readonly #stored = new Map<string, Map<string, StoredRecord>>()

  constructor({ label, account, device, env }: ParticipantOptions) {
    this.label = label
    this.account = account
    this.device = device
    this.#env = env
    this.crypto = env().crypto
  }

  /** Throws `StepFailure` where the client has no such group. */
  get group(): MarmotGroup {
    const group = this.current === undefined ? undefined : this.groups.get(this.current)
    if (group === undefined) {
      throw new StepFailure("client_not_in_scenario_group", `${this.label} is in no such group`)
    }
    return group
  }

  /** Milliseconds; when the next of its groups wants to be woken. */
  get wake(): number | undefined {
    const wakes = [...this.groups.values()].flatMap((group) => nextWake(group) ?? [])
    return wakes.length === 0 ? undefined : Math.min(...wakes)
  }

  async invitee(): Promise<Invitee> {
    const { crypto, now } = this.#env()
    const own = await generateOwnKeyPackage(crypto, { device: this.device, now })
    this.#keyPackages.push(own)
    const { keyPackage } = own
    return inviteeOf(
      this.device.pubkey,
      encodeMlsMessage({ wireFormat: wireFormats.keyPackage, keyPackage }),
    )
  }

  async create(params: Omit<NewGroup, "device">, intentId: string): Promise<void> {
    for (const invitee of params.invitees) {
      this.#invitations.set(invitee.keyPackageEventId, intentId)
    }
    const step = await createMarmotGroup(this.#env(), { ...params, device: this.device })
    this.current = step.group.groupId
    // That there is a group is one event; it is no change of a group.
    this.#take(step)
  }

  /** Takes one step with the current group. */
  async step(input: GroupInput): Promise<readonly Effect[]> {
    return this.#stepIn(this.group, input)
  }

  /** A wish with invitees, whose Welcomes will be known by it. */
  expectWelcomes(invitees: readonly Invitee[], intentId: string): void {
    for (const invitee of invitees) this.#invitations.set(invitee.keyPackageEventId, intentId)
  }

  async published(groupId: string, eventId: string, outcome: "accepted" | "rejected") {
    const group = this.groups.get(groupId)
    if (group !== undefined) await this.#stepIn(group, { type: "published", eventId, outcome })
  }

  /** Lets every group know that time has passed. */
  async tick(): Promise<void> {
    for (const group of [...this.groups.values()]) await this.#stepIn(group, { type: "tick" })
  }

  async receive(packet: Packet): Promise<void> {
    if (packet.content.kind === "welcome") await this.#join(packet.content.welcome)
    else await this.#receiveEvent(packet.content.event)
  }

  /** What was shown but not observed yet is forgotten. */
  restart(): void {
    this.reload()
    this.window.clear()
  }

  /** Everything comes back from stored records. */
  reload(): void {
    for (const [groupId, records] of this.#stored) {
      const bytes = new Map([...records].map(([name, record]) => [name, record.bytes]))
      const group = restoreGroup(bytes, this.device)
      this.groups.set(groupId, group)
      this.#store(group, true)
    }
  }

  /** Only for groups that this client listens to; a product would not even ask for others. */
  async #receiveEvent(event: NostrEvent): Promise<void> {
    const address = event.tags.find((tag) => tag[0] === "h")?.[1]
    for (const group of [...this.groups.values()]) {
      if (summary(group).routes.some((route) => route.nostrGroupId === address)) {
        await this.#stepIn(group, { type: "event", event })
      }
    }
  }

  async #join(effect: WelcomeEffect): Promise<void> {
    if (effect.recipient !== this.device.pubkey) return
    try {
      const { group } = await joinMarmotGroup(this.#env(), {
        device: this.device,
        welcome: effect.welcome,
        keyPackages: this.#keyPackages,
        inviter: effect.inviter,
      })
      const held = this.groups.get(group.groupId)
      // A copy that is alive stays; one that has ended makes room for the new membership.
      if (held?.standing === "active") return
      this.current = group.groupId
      this.#stored.delete(group.groupId)
      this.#take({ group, effects: [] })
    } catch (error) {
      // Another device of this account, or a Welcome that must be rejected.
      if (!(error instanceof MlsError) && !(error instanceof MarmotError)) throw error
    }
  }

  async #stepIn(group: MarmotGroup, input: GroupInput): Promise<readonly Effect[]> {
    const env = this.#env()
    const decision = decisionOf(group, env.now)
    if (decision !== undefined) this.window.decisions.push(decision)
    const step = await apply(group, input, env)
    this.window.noteEpochs(group, step.group)
    this.window.noteChanges(step.effects)
    this.#take(step)
    return step.effects
  }

  #take({ group, effects }: Step): void {
    this.groups.set(group.groupId, group)
    this.#store(group, false)
    for (const effect of effects) this.#perform(group, effect)
  }

  #perform(group: MarmotGroup, effect: Effect): void {
    const { groupId } = group
    if (effect.type === "publish") {
      const intentId = effect.purpose === "commit" ? group.pending?.intent?.intentId : undefined
      const content = { kind: effect.purpose, event: effect.event }
      this.emissions.push({ content, groupId, intentId })
    } else if (effect.type === "welcome") {
      const intentId = this.#invitations.get(effect.keyPackageEventId)
      const welcome = { ...effect, inviter: this.device.pubkey }
      this.emissions.push({ content: { kind: "welcome", welcome }, groupId, intentId })
    } else if (effect.type === "deliver" && !effect.own) {
      if (this.#received.has(effect.event.id)) return
      this.#received.add(effect.event.id)
      this.window.payloads.push(effect.event.content)
    }
  }

  #store(group: MarmotGroup, baseline: boolean): void {
    const before = this.#stored.get(group.groupId)
    const next = new Map<string, StoredRecord>()
    for (const [name, record] of groupRecords(group)) {
      const known = before?.get(name)
      const kept = known !== undefined && (baseline || known.identity === record.identity)
      next.set(name, {
        identity: record.identity,
        bytes: kept ? known.bytes : record.encode(),
      })
    }
    this.#stored.set(group.groupId, next)
  }
}

interface StoredRecord {
  readonly identity: unknown
  readonly bytes: Uint8Array
}
