// A small world for random tests: clients as processes around one relay, and what was done to them.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CliClient, CliFailure } from "../support/cli-client.ts"
import { RelayProcess } from "../support/relay-process.ts"

export interface Message {
  readonly messageId: string
  readonly pubkey: string
  readonly content: string
}

export interface Group {
  readonly groupId: string
  readonly name: string
  readonly epoch: number
  readonly members: readonly string[]
  readonly admins: readonly string[]
  readonly state: string
}

export interface Sent {
  readonly by: Person
  readonly content: string
  readonly messageId: string
}

const NAMES = ["Alice", "Bob", "Carol", "Dave", "Erin", "Frank", "Grace", "Heidi"]

/** Refusals that a user may get when several people change a group at once, or a process dies. */
const EXPECTED = new Set([
  "not_admin",
  "not_active",
  "not_a_member",
  "already_member",
  "last_admin",
  "invalid_input",
  "not_invitable",
  "unknown_invite",
  "unknown_group",
  "timeout",
  // The client was stopped while a change waited for a relay.
  "no_account",
  "process_ended",
])
/** How long the world watches one operation before it goes on to the next. */
const PATIENCE_MS = 1_500
/** More than any waiting of the client's own. */
const SYNC_MS = 60_000

export class Person {
  readonly name: string
  readonly client: CliClient
  pubkey = ""
  /** Nothing was ever done that could end their membership. */
  stayed = true
  /** A change of theirs has not been answered yet. */
  changing = false
  #sent = 0

  constructor(name: string, client: CliClient) {
    this.name = name
    this.client = client
  }

  nextContent(): string {
    return `${this.name} ${++this.#sent}`
  }
}

export class RandomWorld {
  readonly relay: RelayProcess
  readonly random: () => number
  readonly people: readonly Person[]
  readonly sent: Sent[] = []
  readonly operations = new Map<string, number>()
  readonly refusals = new Map<string, number>()
  /** Errors that nothing excuses. */
  readonly failures: string[] = []
  readonly log: string[] = []
  groupId = ""
  readonly #start = Date.now()
  readonly #folder: string
  readonly #open = new Set<Promise<void>>()
  /** Who had a change acknowledged, by the epoch that it made. */
  readonly #changes = new Map<number, string[]>()

  private constructor(
    relay: RelayProcess,
    folder: string,
    random: () => number,
    names: readonly string[],
  ) {
    this.relay = relay
    this.random = random
    this.#folder = folder
    this.people = names.map(
      (name) => new Person(name, new CliClient(relay.url, join(folder, name))),
    )
  }

  /** 3 to 8 people, each with a client of their own. */
  static async open(random: () => number, size: number): Promise<RandomWorld> {
    const names = NAMES.slice(0, size)
    const folder = mkdtempSync(join(tmpdir(), "burrow-random-"))
    const relay = await RelayProcess.start(join(folder, "relay"))
    const world = new RandomWorld(relay, folder, random, names)
    await Promise.all(
      world.people.map(async (person) => {
        person.client.start()
        const { name } = person
        const { pubkey } = await person.client.call<{ pubkey: string }>("account.create", { name })
        person.pubkey = pubkey
        await person.client.call("account.ready")
      }),
    )
    return world
  }

  /** With `keep` the profiles and the relay's events stay on the disk, to be looked at. */
  async close(keep: boolean): Promise<void> {
    await Promise.all(this.people.map(({ client }) => client.kill()))
    await this.relay.kill()
    if (keep) console.error(`profiles and events are in ${this.#folder}`)
    else rmSync(this.#folder, { recursive: true })
  }

  /** Epochs for which more than one Commit was acknowledged. */
  get forks(): number {
    return [...this.#changes.values()].filter((names) => names.length > 1).length
  }

  get count(): number {
    return [...this.operations.values()].reduce((sum, count) => sum + count, 0)
  }

  chance(probability: number): boolean {
    return this.random() < probability
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.random() * items.length)]
  }

  tell(line: string): void {
    this.log.push(`${((Date.now() - this.#start) / 1000).toFixed(2)} s ${line}`)
  }

  note(operation: string, who = ""): void {
    this.operations.set(operation, (this.operations.get(operation) ?? 0) + 1)
    this.tell(`${this.count} ${who} ${operation}`)
  }

  send(by: Person): Promise<void> {
    const content = by.nextContent()
    return this.#run("messages.send", by, async () => {
      const { messageId } = await by.client.call<{ messageId: string }>("messages.send", {
        groupId: this.groupId,
        content,
      })
      this.sent.push({ by, content, messageId })
      return messageId.slice(0, 8)
    })
  }

  /**
   * A change of the group that is answered with the epoch that it made. People wait for an answer before they ask for the
   * next change: a queue of them would run off at once and leave everybody's horizon of five epochs (behaviour §8.5).
   */
  change(by: Person, method: string, params: object = {}): Promise<void> {
    if (by.changing) return this.send(by)
    by.changing = true
    return this.#run(method, by, async () => {
      const { epoch } = await by.client
        .call<{ epoch: number }>(method, { groupId: this.groupId, ...params })
        .finally(() => (by.changing = false))
      this.#changes.set(epoch, [...(this.#changes.get(epoch) ?? []), by.name])
      return `epoch ${epoch}`
    })
  }

  leave(by: Person): Promise<void> {
    by.stayed = false
    return this.#run("groups.leave", by, async () => {
      await by.client.call("groups.leave", { groupId: this.groupId })
      return ""
    })
  }

  /** The newest invitation, if there is one. */
  async accept(by: Person, timeoutMs = PATIENCE_MS): Promise<boolean> {
    const invites = await this.ask<{ inviteId: string }[]>(by, "invites.list", timeoutMs)
    const { inviteId } = invites?.[0] ?? {}
    if (inviteId === undefined) return false
    await this.#run("invites.accept", by, async () => {
      await by.client.call("invites.accept", { inviteId })
      return ""
    })
    return true
  }

  /** The group as someone sees it now; `undefined` if they can't say so soon. */
  async group(by: Person, timeoutMs = PATIENCE_MS): Promise<Group | undefined> {
    const groups = await this.ask<Group[]>(by, "groups.list", timeoutMs)
    return groups?.find(({ groupId }) => groupId === this.groupId)
  }

  async messages(by: Person): Promise<Message[]> {
    const params = { groupId: this.groupId, limit: 100_000 }
    return by.client.call<Message[]>("messages.list", params)
  }

  async ask<T>(by: Person, method: string, timeoutMs: number): Promise<T | undefined> {
    const answer = by.client.call<T>(method).catch((error: unknown) => {
      this.#refused(method, by, error)
      return undefined
    })
    return Promise.race([answer, pause(timeoutMs)])
  }

  async sync(by: Person): Promise<void> {
    try {
      await by.client.call("sync", { timeoutMs: SYNC_MS })
    } catch (error) {
      this.failures.push(`${by.name} sync: ${String(error)}`)
    }
  }

  /** Every operation so far was answered, or its process is gone. */
  async answered(): Promise<void> {
    await Promise.all(this.#open)
  }

  async #run(method: string, by: Person, call: () => Promise<string>): Promise<void> {
    this.note(method, by.name)
    const number = this.count
    const done: Promise<void> = call()
      .then(
        (result) => this.tell(`${number} ${by.name} ${method} → ${result}`),
        (error: unknown) => this.#refused(method, by, error, number),
      )
      .finally(() => this.#open.delete(done))
    this.#open.add(done)
    await Promise.race([done, pause(PATIENCE_MS)])
  }

  #refused(method: string, by: Person, error: unknown, number = 0): void {
    const code = error instanceof CliFailure ? error.code : "unknown"
    const key = `${method}: ${code}`
    this.tell(`${number} ${by.name} ${method} → ${code} ${String(error)}`)
    this.refusals.set(key, (this.refusals.get(key) ?? 0) + 1)
    if (!EXPECTED.has(code)) this.failures.push(`${by.name} ${method}: ${String(error)}`)
  }
}

export function pause(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), milliseconds))
}

/** Mulberry32: numbers from 0 to 1 that a seed decides. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
