// One device: the real client, started, killed and started again on what its disk holds.

import { ClientError } from "../../src/client/api.ts"
import type { MessageItem, TimelineItem } from "../../src/client/api.ts"
import { openClient } from "../../src/client/client.ts"
import type { Client } from "../../src/client/client.ts"
import type { Engine } from "../../src/client/engine.ts"
import type { MlsCrypto } from "../../src/mls/index.ts"
import { nsecOf } from "../../src/nostr/address.ts"
import { publicKeyOf } from "../../src/nostr/event.ts"
import type { Clock } from "./clock.ts"
import type { Counts } from "./counts.ts"
import type { Network } from "./network.ts"
import type { Rng } from "./rng.ts"
import { Disk, SimStore } from "./sim-store.ts"
import type { CrashAt } from "./sim-store.ts"
import { Watched } from "./witness.ts"

/** Refusals that a user may get when several people change a group at once. */
const EXPECTED: ReadonlySet<string> = new Set([
  "not_admin",
  "not_active",
  "not_invitable",
  "last_admin",
  "invalid_input",
  "unknown_invite",
  "unknown_group",
  "timeout",
  "publish_failed",
  "change_lost",
  // Stopped meanwhile.
  "no_account",
])
/** Words of the log that tell of a defect, whatever came in. */
const DEFECTS =
  /operation failed|not processed|timer failed|effect failed|listener failed|cannot be read/

export interface Accepted {
  readonly messageId: string
  readonly content: string
  readonly device: Device
  /** The number of the copy of the group that it was written in. */
  readonly copy: number | undefined
  readonly at: number
}

export interface DeviceOptions {
  readonly index: number
  readonly secretKey: Uint8Array
  readonly relays: readonly string[]
  /** Milliseconds that its clock is ahead. */
  readonly skew: number
  readonly clock: Clock
  readonly network: Network
  readonly rng: Rng
  readonly counts: Counts
  readonly crypto: MlsCrypto
  readonly engineFor: (watched: Watched) => Engine
  readonly tell: (line: string) => void
}

interface Life {
  isAlive: boolean
}

export class Device {
  readonly name: string
  readonly pubkey: string
  readonly watched: Watched
  readonly disk = new Disk()
  readonly accepted: Accepted[] = []
  readonly defects: string[] = []
  /** Started calls of the user that have neither ended nor died with the process. */
  readonly waiting = new Set<string>()
  isHonest = true
  client: Client | undefined
  skew: number
  readonly #options: DeviceOptions
  readonly #nsec: string
  #life: Life | undefined
  #crash: CrashAt | undefined
  #onDeath: (() => void) | undefined
  #calls = 0

  constructor(options: DeviceOptions) {
    this.#options = options
    this.name = `d${options.index}`
    this.watched = new Watched(this.name)
    this.pubkey = publicKeyOf(options.secretKey)
    this.#nsec = nsecOf(options.secretKey)
    this.skew = options.skew
  }

  get index(): number {
    return this.#options.index
  }

  /** For what its user does without the client. */
  get secretKey(): Uint8Array {
    return this.#options.secretKey
  }

  get isRunning(): boolean {
    return this.#life !== undefined
  }

  now(): number {
    return Math.floor(this.#options.clock.now) + this.skew
  }

  /** Opens the client; resolves when it is open, or dead already. */
  async start(): Promise<void> {
    if (this.#life !== undefined) return
    const { clock, network, rng, crypto, counts, relays, tell } = this.#options
    const life: Life = { isAlive: true }
    this.#life = life
    this.#crash = undefined
    tell(`${this.name} starts`)
    const died = new Promise<void>((resolve) => {
      this.#onDeath = resolve
    })
    const opening = openClient({
      openStore: () =>
        Promise.resolve(
          new SimStore({
            disk: this.disk,
            clock,
            rng,
            owner: life,
            crash: () => this.#crash,
            die: () => {
              counts.add("crashes at a write")
              this.kill()
            },
          }),
        ),
      WebSocket: network.constructorFor(this.name, life),
      random: (length) => rng.bytes(length),
      now: () => this.now(),
      timers: clock.timersOf(life),
      defaultRelays: relays,
      engine: this.#options.engineFor(this.watched),
      crypto,
      log: (message, error) => {
        if (life.isAlive) this.#log(message, error)
      },
    }).then(
      (client) => {
        if (life.isAlive) this.client = client
      },
      (error: unknown) => {
        if (life.isAlive) this.#defect(`does not open: ${String(error)}`)
      },
    )
    await Promise.race([opening, died])
  }

  importAccount(): Promise<void> {
    return this.call("import", async (client) => {
      if ((await client.session()).status === "none")
        await client.importAccount({ nsec: this.#nsec })
    })
  }

  /** The process is gone, and all that it had not written. */
  kill(): void {
    if (this.#life === undefined) return
    this.#options.tell(`${this.name} is killed`)
    this.#options.counts.add("crashes")
    this.#gone()
  }

  /** Dies at a write to come. */
  killAtWrite(point: CrashAt | undefined): void {
    this.#crash = this.#life === undefined ? undefined : point
  }

  /** An orderly end. */
  async stop(): Promise<void> {
    const { client } = this
    const life = this.#life
    if (client === undefined || life === undefined) return
    this.#options.tell(`${this.name} stops`)
    const died = new Promise<void>((resolve) => {
      const before = this.#onDeath
      this.#onDeath = () => {
        before?.()
        resolve()
      }
    })
    await Promise.race([client.close(), died])
    if (life.isAlive) this.#gone()
  }

  /** A call of the user: undefined if it was refused, or the device is off, or died over it. */
  async call<T>(what: string, run: (client: Client) => Promise<T>): Promise<T | undefined> {
    const { client } = this
    const life = this.#life
    const { counts, tell } = this.#options
    if (client === undefined || life === undefined) {
      counts.add("calls on a device that is off")
      return undefined
    }
    const name = `${this.name} ${what} #${this.#calls++}`
    this.waiting.add(name)
    const died = new Promise<undefined>((resolve) => {
      const before = this.#onDeath
      this.#onDeath = () => {
        before?.()
        resolve(undefined)
      }
    })
    const ended = run(client).then(
      (result) => {
        if (life.isAlive) tell(`${name} → ok ${short(result)}`)
        return result
      },
      (error: unknown) => {
        if (!life.isAlive) return undefined
        const code = error instanceof ClientError ? error.code : "unknown"
        tell(`${name} → ${code} ${error instanceof Error ? error.message : String(error)}`)
        counts.add(`refused: ${what.split(" ")[0] ?? ""} ${code}`)
        if (!EXPECTED.has(code)) this.#defect(`${what}: ${String(error)}`)
        return undefined
      },
    )
    const result = await Promise.race([ended, died])
    this.waiting.delete(name)
    return result
  }

  async send(groupId: string, content: string): Promise<void> {
    const answer = await this.call("send", (client) => client.sendMessage(groupId, { content }))
    if (answer === undefined) return
    const copy = this.watched.copy?.number
    const { messageId } = answer
    this.accepted.push({ messageId, content, device: this, copy, at: this.#options.clock.now })
  }

  /** Everything that its user can see of the group, oldest first. */
  async timeline(groupId: string): Promise<readonly TimelineItem[]> {
    const { client } = this
    const items: TimelineItem[] = []
    let before: string | undefined
    do {
      const page = await client?.timeline(groupId, {
        limit: 500,
        ...(before === undefined ? {} : { before }),
      })
      items.unshift(...(page?.items ?? []))
      before = page?.before
    } while (before !== undefined)
    return items
  }

  async messages(groupId: string): Promise<readonly MessageItem[]> {
    return (await this.timeline(groupId)).filter((item) => item.type === "message")
  }

  #gone(): void {
    if (this.#life !== undefined) this.#life.isAlive = false
    this.#life = undefined
    this.client = undefined
    this.#options.network.cut((socket) => socket.device === this.name)
    this.#onDeath?.()
  }

  #log(message: string, error: unknown): void {
    this.#options.tell(`${this.name} logs: ${message} ${String(error)}`)
    // What a user hears of a refusal is no defect.
    if (DEFECTS.test(message) && !(error instanceof ClientError && EXPECTED.has(error.code))) {
      const stack = error instanceof Error ? (error.stack ?? "") : ""
      this.#defect(`${message}: ${String(error)} ${stack.split("\n").slice(1, 4).join(" ")}`)
    }
  }

  #defect(text: string): void {
    this.defects.push(`${this.name} ${text}`)
  }
}

const short = (result: unknown) => (result === undefined ? "" : JSON.stringify(result).slice(0, 80))
