// Marmot transport §7.5: a Welcome on its way: the recipient's inbox relays are looked up, then it is wrapped once.

import { SignerError } from "../nostr/error.ts"
import { bytesToHex } from "../nostr/event.ts"
import { wrap } from "../nostr/gift-wrap.ts"
import type { Signer } from "../nostr/signer.ts"
import { welcomeRumor } from "../marmot/welcome-event.ts"
import type { MarmotGroup } from "../marmot/engine-types.ts"
import { fromBase64 } from "../marmot/base64.ts"
import type { Directory } from "./directory.ts"
import type { Draft } from "./draft.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Outbox } from "./outbox.ts"
import type { Timer, World } from "./ports.ts"
import { RecordMap } from "./record-map.ts"

/** Why a Welcome has not been handed over yet. */
export type WelcomeProblem =
  /** The recipient says nowhere where invitations should go. */
  | "no_inbox"
  /** Nobody could be asked where. */
  | "unreachable"
  /** The relays where it should go refuse it. */
  | "refused"

/** A Welcome that is owed. Gone in the step that stores a relay's acknowledgement of it. */
export interface WelcomeJob {
  readonly jobId: string
  readonly groupId: string
  /** The Commit that adds the recipient; absent in records of older versions. */
  readonly stateId?: string
  readonly recipient: string
  readonly keyPackageEventId: string
  /** Base64 of the MLSMessage. */
  readonly welcome: string
  /** The group's relays: part of the rumor. */
  readonly relays: readonly string[]
  /** Milliseconds. */
  readonly createdAt: number
  /** It is wrapped and in the outbox: the event, and where it goes. */
  readonly wrapped?: { readonly eventId: string; readonly inbox: readonly string[] } | undefined
  /** The Commit is on a branch that has lost: a reader would be alone there. */
  readonly parked?: boolean
  readonly problem?: WelcomeProblem | undefined
}

export interface WelcomeSenderOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly outbox: Outbox
  readonly directory: Directory
  readonly signer: Signer
  readonly self: string
  /** An invitation is given up; in the step that forgets it. */
  readonly gaveUp: (draft: Draft, job: WelcomeJob) => Promise<void>
}

const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 10 * 60_000
/** After this the recipient may have moved to other relays. */
const LOOK_AGAIN_MS = 3_600_000
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
    for (const job of this.#jobs.values()) {
      if (job.wrapped === undefined) void this.#run(job.jobId)
      else this.#later(job.jobId, LOOK_AGAIN_MS)
    }
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers.values()) this.#options.world.timers.clearTimeout(timer)
  }

  /** Welcomes that wait for us and not for their recipients; those in the outbox are counted there. */
  get size(): number {
    const waiting = this.#jobs
      .values()
      .filter(({ wrapped, parked, problem }) => !wrapped && !parked && problem !== "no_inbox")
    return waiting.length
  }

  /** Members who have not got their Welcome, for the eyes of their inviter. */
  owed(groupId: string): readonly WelcomeJob[] {
    return this.#jobs.values().filter((job) => job.groupId === groupId && job.parked !== true)
  }

  add(draft: Draft, job: Omit<WelcomeJob, "jobId" | "createdAt">): void {
    const jobId = bytesToHex(this.#options.world.random(16))
    this.#put(draft, { ...job, jobId, createdAt: draft.now })
    draft.after(() => void this.#run(jobId))
  }

  /** The Commit `stateId` has lost: what no relay has taken yet stays here. */
  park(draft: Draft, stateId: string): void {
    for (const job of this.#jobs.values(draft)) {
      if (job.stateId !== stateId || job.parked === true) continue
      if (job.wrapped !== undefined) this.#options.outbox.cancel(draft, job.wrapped.eventId)
      this.#put(draft, { ...job, parked: true, wrapped: undefined })
    }
  }

  /** The Commit has won after all. */
  resume(draft: Draft, stateId: string): void {
    for (const job of this.#jobs.values(draft)) {
      if (job.stateId !== stateId || job.parked !== true) continue
      this.#put(draft, { ...job, parked: false })
      draft.after(() => void this.#run(job.jobId))
    }
  }

  /** What waits for a branch that no pass can select any more is over. */
  prune(draft: Draft, { groupId, states, isSalvaged }: MarmotGroup): void {
    // Of damaged records, nobody knows which branches there are.
    if (isSalvaged) return
    for (const job of this.#jobs.values(draft)) {
      if (job.groupId !== groupId || job.parked !== true) continue
      if (job.stateId !== undefined && !states.has(job.stateId)) this.#drop(draft, job)
    }
  }

  /** A relay has taken a wrapped Welcome, or all have refused it. */
  concluded(draft: Draft, eventId: string, outcome: "accepted" | "rejected"): void {
    const job = this.#jobs.values(draft).find(({ wrapped }) => wrapped?.eventId === eventId)
    if (job === undefined) return
    if (outcome === "accepted") this.#drop(draft, job)
    else {
      this.#put(draft, { ...job, wrapped: undefined, problem: "refused" })
      draft.after(() => this.#later(job.jobId))
    }
  }

  /** A relay can be reached (again). */
  wake(): void {
    for (const [jobId, timer] of [...this.#timers]) {
      if (this.#declined.has(jobId) || this.#jobs.get(jobId)?.wrapped !== undefined) continue
      this.#options.world.timers.clearTimeout(timer)
      this.#timers.delete(jobId)
      void this.#run(jobId)
    }
  }

  signerAvailable(): void {
    this.#declined.clear()
    this.wake()
  }

  /** With the group's publications. `except`: people whose Welcomes are still owed; they are wrapped again. */
  forget(draft: Draft, groupId: string, except: readonly string[] = []): void {
    for (const job of this.#jobs.values(draft)) {
      if (job.groupId !== groupId) continue
      if (except.includes(job.recipient) && job.parked !== true) {
        this.#put(draft, { ...job, wrapped: undefined })
        draft.after(() => void this.#run(job.jobId))
      } else this.#drop(draft, job)
    }
  }

  async #run(jobId: string): Promise<void> {
    const job = this.#jobs.get(jobId)
    if (job === undefined || job.parked === true) return
    if (this.#closed || this.#running.has(jobId)) return
    this.#running.add(jobId)
    this.#declined.delete(jobId)
    try {
      await this.#send(job)
    } catch (error) {
      if (this.#isClosed()) return
      this.#options.world.log("an invitation could not be sent yet", error)
      if (error instanceof SignerError && error.code !== "unavailable") {
        this.#declined.add(jobId)
        this.#pauses.set(jobId, LONGEST_PAUSE_MS)
      }
    } finally {
      this.#running.delete(jobId)
    }
    const wrapped = this.#jobs.get(jobId)?.wrapped !== undefined
    this.#later(jobId, wrapped ? LOOK_AGAIN_MS : undefined)
  }

  /** Puts the wrapped Welcome into the outbox, or says why it can't be there yet. */
  async #send(job: WelcomeJob): Promise<void> {
    const { world, mailbox, directory, outbox } = this.#options
    if (world.now() > job.createdAt + LIFETIME_MS) return this.#giveUp(job)
    const { relays: inbox, answered } = await directory.inboxRelays(job.recipient)
    if (inbox.length === 0) {
      if (job.wrapped !== undefined) return
      const problem = answered ? "no_inbox" : "unreachable"
      if (problem !== job.problem)
        await mailbox.run((draft) => this.#change(draft, job, { problem }))
      return
    }
    if (job.wrapped !== undefined && isSame(job.wrapped.inbox, inbox)) return
    const event = await this.#wrap(job)
    await mailbox.run((draft) => {
      const current = this.#jobs.get(job.jobId, draft)
      // Delivered, parked or taken up by another run in the meantime.
      if (current === undefined || current.parked === true) return
      if (current.wrapped?.eventId !== job.wrapped?.eventId) return
      if (current.wrapped !== undefined) outbox.cancel(draft, current.wrapped.eventId)
      const wrapped = { eventId: event.id, inbox }
      this.#put(draft, { ...current, wrapped, problem: undefined })
      const { groupId } = job
      outbox.add(draft, { event, purpose: "welcome", relays: inbox, groupId, innerId: undefined })
    })
    this.#pauses.delete(job.jobId)
  }

  #wrap(job: WelcomeJob) {
    const { world, signer, self } = this.#options
    const rumor = welcomeRumor({
      pubkey: self,
      createdAt: Math.floor(world.now() / 1000),
      welcome: fromBase64(job.welcome),
      keyPackageEventId: job.keyPackageEventId,
      relays: job.relays,
    })
    return wrap({
      signer,
      rumor,
      recipient: job.recipient,
      now: world.now(),
      random: (length) => world.random(length),
    })
  }

  #isClosed(): boolean {
    return this.#closed
  }

  #giveUp(job: WelcomeJob): Promise<void> {
    const { mailbox, outbox, gaveUp } = this.#options
    return mailbox.run(async (draft) => {
      const current = this.#jobs.get(job.jobId, draft)
      if (current === undefined || current.parked === true) return
      if (current.wrapped !== undefined) outbox.cancel(draft, current.wrapped.eventId)
      this.#drop(draft, current)
      await gaveUp(draft, current)
    })
  }

  #change(draft: Draft, { jobId }: WelcomeJob, change: Partial<WelcomeJob>): void {
    const current = this.#jobs.get(jobId, draft)
    if (current !== undefined) this.#put(draft, { ...current, ...change })
  }

  #put(draft: Draft, job: WelcomeJob): void {
    this.#jobs.put(draft, job)
    this.#told(draft, job)
  }

  #drop(draft: Draft, job: WelcomeJob): void {
    this.#jobs.delete(draft, job.jobId)
    this.#told(draft, job)
  }

  #told(draft: Draft, { groupId }: WelcomeJob): void {
    draft.change({ topic: "connection" })
    draft.change({ topic: "group", groupId })
  }

  #later(jobId: string, after?: number): void {
    const { timers } = this.#options.world
    const job = this.#jobs.get(jobId)
    if (this.#closed || this.#timers.has(jobId) || job === undefined || job.parked === true) return
    const last = this.#pauses.get(jobId) ?? 0
    const pause = after ?? Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, last * 2))
    if (after === undefined) this.#pauses.set(jobId, pause)
    const timer = timers.setTimeout(() => {
      this.#timers.delete(jobId)
      void this.#run(jobId)
    }, pause)
    this.#timers.set(jobId, timer)
  }
}

const isSame = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((url) => b.includes(url))
