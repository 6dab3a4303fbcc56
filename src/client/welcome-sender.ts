// Marmot transport §7.5: a Welcome on its way: the recipient's inbox relays are looked up, then it is wrapped once.

import { SignerError } from "../nostr/error.ts"
import { bytesToHex } from "../nostr/event.ts"
import { wrap } from "../nostr/gift-wrap.ts"
import type { Signer } from "../nostr/signer.ts"
import { welcomeRumor } from "../marmot/welcome-event.ts"
import { fromBase64 } from "../marmot/base64.ts"
import type { Directory } from "./directory.ts"
import type { Draft } from "./draft.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Outbox } from "./outbox.ts"
import type { Timer, World } from "./ports.ts"
import { RecordMap } from "./record-map.ts"

/** A Welcome that is owed. Gone in the step that puts the wrapped event into the outbox. */
export interface WelcomeJob {
  readonly jobId: string
  readonly groupId: string
  readonly recipient: string
  readonly keyPackageEventId: string
  /** Base64 of the MLSMessage. */
  readonly welcome: string
  /** The group's relays: part of the rumor. */
  readonly relays: readonly string[]
  /** Milliseconds. */
  readonly createdAt: number
}

export interface WelcomeSenderOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly outbox: Outbox
  readonly directory: Directory
  readonly signer: Signer
  readonly self: string
}

const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 10 * 60_000
/** An invitation that could not be handed over for this long is given up. */
const LIFETIME_MS = 14 * 24 * 3_600_000

export class WelcomeSender {
  readonly #options: WelcomeSenderOptions
  readonly #jobs = new RecordMap<WelcomeJob>({
    table: "outbox",
    scope: "welcomes",
    keyOf: ({ jobId }) => jobId,
  })
  readonly #timers = new Map<string, Timer>()
  readonly #pauses = new Map<string, number>()
  readonly #running = new Set<string>()
  /** The user said no: only the signer's return or a long pause puts the question again. */
  readonly #declined = new Set<string>()
  #closed = false

  constructor(options: WelcomeSenderOptions) {
    this.#options = options
  }

  load(): Promise<void> {
    return this.#jobs.load(this.#options.world.store)
  }

  start(): void {
    for (const { jobId } of this.#jobs.values()) void this.#run(jobId)
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers.values()) this.#options.world.timers.clearTimeout(timer)
  }

  get size(): number {
    return this.#jobs.size
  }

  add(draft: Draft, job: Omit<WelcomeJob, "jobId" | "createdAt">): void {
    const jobId = bytesToHex(this.#options.world.random(16))
    this.#jobs.put(draft, { ...job, jobId, createdAt: draft.now })
    draft.change({ topic: "connection" })
    draft.after(() => void this.#run(jobId))
  }

  /** A relay can be reached (again). */
  wake(): void {
    for (const [jobId, timer] of [...this.#timers]) {
      if (this.#declined.has(jobId)) continue
      this.#options.world.timers.clearTimeout(timer)
      this.#timers.delete(jobId)
      void this.#run(jobId)
    }
  }

  signerAvailable(): void {
    this.#declined.clear()
    this.wake()
  }

  forget(draft: Draft, groupId: string): void {
    for (const job of this.#jobs.values(draft)) {
      if (job.groupId === groupId) this.#jobs.delete(draft, job.jobId)
    }
  }

  async #run(jobId: string): Promise<void> {
    const job = this.#jobs.get(jobId)
    if (job === undefined || this.#closed || this.#running.has(jobId)) return
    this.#running.add(jobId)
    this.#declined.delete(jobId)
    try {
      if (!(await this.#send(job))) this.#later(job)
    } catch (error) {
      if (this.#isClosed()) return
      this.#options.world.log("an invitation could not be sent yet", error)
      if (error instanceof SignerError && error.code !== "unavailable") {
        this.#declined.add(jobId)
        this.#pauses.set(jobId, LONGEST_PAUSE_MS)
      }
      this.#later(job)
    } finally {
      this.#running.delete(jobId)
    }
  }

  /** Whether the wrapped Welcome is in the outbox now. */
  async #send(job: WelcomeJob): Promise<boolean> {
    const { world, mailbox, outbox, directory, signer, self } = this.#options
    if (world.now() > job.createdAt + LIFETIME_MS) return this.#giveUp(job)
    const inbox = await directory.inboxRelays(job.recipient)
    if (inbox.length === 0) return false
    const rumor = welcomeRumor({
      pubkey: self,
      createdAt: Math.floor(world.now() / 1000),
      welcome: fromBase64(job.welcome),
      keyPackageEventId: job.keyPackageEventId,
      relays: job.relays,
    })
    const event = await wrap({
      signer,
      rumor,
      recipient: job.recipient,
      now: world.now(),
      random: (length) => world.random(length),
    })
    await mailbox.run((draft) => {
      if (this.#jobs.get(job.jobId, draft) === undefined) return
      this.#jobs.delete(draft, job.jobId)
      const { groupId } = job
      outbox.add(draft, { event, purpose: "welcome", relays: inbox, groupId, innerId: undefined })
    })
    this.#pauses.delete(job.jobId)
    return true
  }

  #isClosed(): boolean {
    return this.#closed
  }

  async #giveUp(job: WelcomeJob): Promise<true> {
    await this.#options.mailbox.run((draft) => this.#jobs.delete(draft, job.jobId))
    return true
  }

  #later({ jobId }: WelcomeJob): void {
    if (this.#closed || this.#timers.has(jobId)) return
    const last = this.#pauses.get(jobId) ?? 0
    const pause = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, last * 2))
    this.#pauses.set(jobId, pause)
    const timer = this.#options.world.timers.setTimeout(() => {
      this.#timers.delete(jobId)
      void this.#run(jobId)
    }, pause)
    this.#timers.set(jobId, timer)
  }
}
