// The groups of this device: the engine's values in memory, their records in the store, one step after another.

import type {
  DeviceIdentity,
  Effect,
  GroupInput,
  Intent,
  MarmotGroup,
} from "../marmot/engine-types.ts"
import { MarmotError } from "../marmot/error.ts"
import type { StoredRecord } from "../store/types.ts"
import { ClientError } from "./api.ts"
import type { Chats } from "./chats.ts"
import type { Draft } from "./draft.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Timer, World } from "./ports.ts"
import { StagedMap } from "./record-map.ts"
import { Waiters } from "./waiters.ts"

type Records = ReturnType<World["engine"]["groupRecords"]>

interface Held {
  readonly group: MarmotGroup
  /** What the store holds of it. */
  readonly records: Records
}

export interface GroupsOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly chats: Chats
  /** Stores what the engine wants done, in the step that made it want it. */
  perform(draft: Draft, group: MarmotGroup, effects: readonly Effect[]): Promise<void>
  /** A group's state was replaced. */
  changed(): void
}

/** Copies of events that relays have, too: without one, the event is fetched or has had its time. */
const REFETCHABLE = "unopened/"
const LONGEST_TIMER_MS = 24 * 3_600_000
const RETRY_MS = 5_000
/** How long a caller waits for a change; the change itself goes on. */
const CHANGE_MS = 60_000
const LATE = "The change is saved and will be sent as soon as a relay answers."

export class Groups {
  readonly waiters: Waiters<{ epoch: number }>
  readonly #options: GroupsOptions
  readonly #held = new StagedMap<Held>()
  readonly #wakes = new Map<string, Timer>()
  #closed = false

  constructor(options: GroupsOptions) {
    this.#options = options
    this.waiters = new Waiters(options.world.timers)
  }

  async load(device: DeviceIdentity): Promise<void> {
    const { chats, world } = this.#options
    for (const { groupId } of chats.all()) {
      const damaged: string[] = []
      const options = { damaged: (sort: string) => void damaged.push(sort) }
      let rows: readonly StoredRecord[] = []
      try {
        rows = await world.store.range("groups", groupId, options)
      } catch (error) {
        // One group that can't be read must not stop the account.
        world.log("the records of a group cannot be read", error)
      }
      const records = new Map(rows.map((row) => [row.sort, row.value]))
      this.#held.load(groupId, this.#restored(groupId, records, damaged, device))
    }
  }

  /** Behaviour §8.10: what is required and can't be read makes the copy unrecoverable. Its records stay. */
  #restored(
    groupId: string,
    stored: ReadonlyMap<string, Uint8Array>,
    damaged: readonly string[],
    device: DeviceIdentity,
  ): Held {
    const { engine, log } = this.#options.world
    try {
      const lost = damaged.filter((name) => !name.startsWith(REFETCHABLE))
      if (lost.length > 0) throw new MarmotError("corrupt_state", "a stored record is damaged")
      const group = engine.restoreGroup(stored, device)
      return { group, records: asStored(stored, engine.groupRecords(group)) }
    } catch (error) {
      log("a stored group cannot be read", error)
      const group = engine.salvageGroup(groupId, stored, device)
      const records = new Map([...stored.keys(), ...damaged].map((name) => [name, unread]))
      return { group, records }
    }
  }

  start(): void {
    for (const { group } of this.#held.values()) this.#schedule(group.groupId)
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#wakes.values()) this.#options.world.timers.clearTimeout(timer)
    this.waiters.rejectAll(new ClientError("no_account", "The session has ended."))
  }

  get(groupId: string, draft?: Draft): MarmotGroup | undefined {
    return this.#held.get(groupId, draft)?.group
  }

  /** Throws `ClientError` `unknown_group`. */
  require(groupId: string, draft?: Draft): MarmotGroup {
    const group = this.get(groupId, draft)
    if (group === undefined) throw new ClientError("unknown_group", "This group is not known here.")
    return group
  }

  all(): readonly MarmotGroup[] {
    return this.#held.values().map(({ group }) => group)
  }

  /** One engine step, drafted. Gives the effects, which are drafted already. */
  async apply(draft: Draft, groupId: string, input: GroupInput): Promise<readonly Effect[]> {
    const { engine, crypto, random, othersTurn } = this.#options.world
    const env = { crypto, now: draft.now, random, othersTurn }
    const step = await engine.apply(this.require(groupId, draft), input, env)
    const { group, effects, released = [] } = step
    await this.adopt(draft, group, effects)
    // Only now nobody can go back to them.
    draft.swap(() => engine.wipe(released, group))
    return effects
  }

  /** Takes a group's new value: the successor of the old one, or a new group. */
  async adopt(draft: Draft, group: MarmotGroup, effects: readonly Effect[]): Promise<void> {
    const { groupId } = group
    const before = this.#held.get(groupId, draft)
    if (before?.group !== group) {
      const records = this.#options.world.engine.groupRecords(group)
      this.#write(draft, groupId, before?.records, records)
      this.#held.set(draft, groupId, { group, records })
      if (before === undefined || looksDifferent(before.group, group)) {
        draft.change({ topic: "group", groupId })
        draft.change({ topic: "chats" })
        // What may take the place of a copy depends on how it is.
        draft.change({ topic: "invites" })
      }
      draft.after(() => {
        this.#schedule(groupId)
        this.#options.changed()
      })
    }
    await this.#options.perform(draft, group, effects)
  }

  /** Hands a wish to the engine and waits for its outcome. `also`: what belongs into the same step. */
  async intend(
    groupId: string,
    intent: Intent,
    also?: (draft: Draft) => void,
  ): Promise<{ epoch: number }> {
    const done = this.waiters.wait(intent.intentId, CHANGE_MS, LATE)
    // It may be over before this function gets to wait for it.
    done.catch(() => undefined)
    try {
      await this.#options.mailbox.run(async (draft) => {
        also?.(draft)
        await this.apply(draft, groupId, { type: "intent", intent })
      })
    } catch (error) {
      this.waiters.reject(intent.intentId, new ClientError("internal", "Not stored."))
      throw error
    }
    return done
  }

  /** Discards the cryptographic state of a copy; a step that follows may adopt a new one. */
  discard(draft: Draft, groupId: string): void {
    const held = this.#held.get(groupId, draft)
    if (held !== undefined) {
      const { wipe, statesOf } = this.#options.world.engine
      this.#write(draft, groupId, held.records, new Map())
      draft.swap(() => wipe(statesOf(held.group), undefined))
    }
    this.#held.set(draft, groupId, undefined)
    draft.after(() => this.#options.changed())
  }

  /** Stores records whose identity is new, deletes those that are gone. */
  #write(draft: Draft, groupId: string, before: Records | undefined, after: Records): void {
    for (const [name, record] of after) {
      if (before?.get(name)?.identity === record.identity) continue
      draft.put("groups", { scope: groupId, sort: name }, record.encode())
    }
    for (const name of before?.keys() ?? []) {
      if (!after.has(name)) draft.put("groups", { scope: groupId, sort: name }, undefined)
    }
  }

  #schedule(groupId: string, atLeast = 0): void {
    const { timers, engine, now } = this.#options.world
    const old = this.#wakes.get(groupId)
    if (old !== undefined) timers.clearTimeout(old)
    this.#wakes.delete(groupId)
    const group = this.get(groupId)
    const at = group === undefined ? undefined : engine.nextWake(group)
    if (at === undefined || this.#closed) return
    const delay = Math.min(LONGEST_TIMER_MS, Math.max(atLeast, at - now()))
    this.#wakes.set(
      groupId,
      timers.setTimeout(() => void this.#tick(groupId), delay),
    )
  }

  async #tick(groupId: string): Promise<void> {
    const { mailbox, world } = this.#options
    this.#wakes.delete(groupId)
    try {
      await mailbox.run(async (draft) => {
        if (this.get(groupId, draft) === undefined) return
        await this.apply(draft, groupId, { type: "tick" })
      })
      this.#schedule(groupId, 1)
    } catch (error) {
      if (this.#closed) return
      world.log("a group's timer failed", error)
      this.#schedule(groupId, RETRY_MS)
    }
  }
}

/** A record that is there; its name is all that is needed to delete it. */
const unread = { identity: undefined, encode: () => new Uint8Array() }

/**
 * What the store holds of a group that was read from it: earlier versions wrote some of it under other names, and the
 * next step writes that anew.
 */
function asStored(stored: ReadonlyMap<string, Uint8Array>, records: Records): Records {
  const names = [...stored.keys()]
  return new Map(names.map((name) => [name, records.get(name) ?? unread]))
}

/** Whether a view of the group says something else: not so after most messages. */
function looksDifferent(before: MarmotGroup, after: MarmotGroup): boolean {
  const told = ({
    tip,
    lifecycle,
    standing,
    leaving,
    disbanding,
    pass,
    pending,
    intents,
  }: MarmotGroup) =>
    [
      tip,
      lifecycle,
      standing,
      leaving === undefined,
      disbanding === undefined,
      pass === undefined,
      pending === undefined,
      intents.length === 0,
    ].join()
  return told(before) !== told(after)
}
