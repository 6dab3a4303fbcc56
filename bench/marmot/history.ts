// A month in a group: messages and Commits by several admins and members, rivals among them, as kind 445 events.

import { chatEvent } from "../../src/marmot/app-event.ts"
import { nextWake } from "../../src/marmot/engine.ts"
import { fingerprint, type Fingerprint } from "../../src/marmot/group-view.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import type { BenchClock, Peer } from "./peer.ts"

export interface HistoryPlan {
  /** Messages and Commits together. */
  readonly events: number
  readonly commits: number
  /** Of a hundred Commits, how many meet a rival: two admins at once. */
  readonly rivalsPercent: number
  /** Milliseconds that the events are spread over. */
  readonly span: number
}

export interface History {
  /** In the order of their dates. */
  readonly events: readonly NostrEvent[]
  /** Inner ids of all messages, in the order in which they were sent. */
  readonly messages: readonly string[]
  readonly commits: number
  readonly rivals: number
  readonly fingerprint: Fingerprint
}

/** Long enough for a pass to end (milliseconds). */
const PASS = 6_000

export interface Cast {
  /** Active admins. */
  readonly admins: readonly Peer[]
  /** Active members without rights. */
  readonly others: readonly Peer[]
  /** Someone who joins and leaves, again and again. */
  readonly guest: Peer
}

export class HistoryMaker {
  readonly #cast: Cast
  readonly #clock: BenchClock
  readonly #events: NostrEvent[] = []
  readonly #messages: string[] = []
  #commits = 0
  #rivals = 0
  #guestIsIn = false

  constructor(cast: Cast, clock: BenchClock) {
    this.#cast = cast
    this.#clock = clock
  }

  async make(plan: HistoryPlan): Promise<History> {
    const start = this.#clock.now
    const every = plan.events / plan.commits
    let due = every / 2
    for (let i = 0; i < plan.events; i = this.#events.length) {
      this.#clock.now = Math.max(this.#clock.now, start + Math.floor((i * plan.span) / plan.events))
      if (i >= due && this.#commits + this.#rivals < plan.commits) {
        due += every
        const isRivalTime =
          this.#commits % 100 < plan.rivalsPercent && plan.commits - this.#commits > 2
        if (isRivalTime) await this.#rival()
        else await this.#commit()
      } else await this.#say(i)
    }
    const [reference] = this.#cast.admins
    if (reference === undefined) throw new Error("a history needs an admin")
    return {
      events: this.#events,
      messages: this.#messages,
      commits: this.#commits,
      rivals: this.#rivals,
      fingerprint: fingerprint(reference.group),
    }
  }

  get #active(): readonly Peer[] {
    return [...this.#cast.admins, ...this.#cast.others]
  }

  async #say(i: number): Promise<void> {
    const author = pick(this.#active, i * 7 + Math.floor(i / 3))
    const createdAt = Math.floor(this.#clock.now / 1000)
    const content = `Message ${i}: ${WORDS.slice(0, 20 + ((i * 37) % (WORDS.length - 20)))}`
    const rumor = chatEvent({ pubkey: author.device.pubkey, createdAt, content })
    this.#events.push(await author.say(rumor))
    this.#messages.push(rumor.id)
  }

  async #commit(): Promise<void> {
    const n = this.#commits++
    const admin = pick(this.#cast.admins, n)
    const { guest } = this.#cast
    if (n % 10 === 3) {
      const members = [guest.device.pubkey]
      if (this.#guestIsIn) await this.#publish(admin, await admin.want({ type: "remove", members }))
      else {
        const invitees = [await guest.invitee()]
        await this.#publish(admin, await admin.want({ type: "invite", invitees }))
      }
      this.#guestIsIn = !this.#guestIsIn
    } else if (n % 2 === 0) {
      await this.#publish(admin, await admin.want({ type: "update", name: `Benchmark ${n}` }))
    } else {
      const author = pick(this.#active, n)
      await this.#publish(author, await author.want({ type: "selfUpdate" }))
    }
    await this.#settle()
  }

  /** Two admins at once: both are acknowledged, one wins everywhere. */
  async #rival(): Promise<void> {
    const n = this.#commits++
    this.#rivals++
    const [one, two] = [pick(this.#cast.admins, n), pick(this.#cast.admins, n + 1)]
    const first = await one.want({ type: "update", name: `Benchmark ${n}, one` })
    const second = await two.want({ type: "update", name: `Benchmark ${n}, two` })
    await this.#publish(one, first)
    await this.#publish(two, second)
    await this.#settle()
  }

  async #publish(author: Peer, event: NostrEvent): Promise<void> {
    this.#events.push(event)
    await author.accepted(event)
    for (const peer of this.#active) if (peer !== author) await peer.receive(event)
  }

  /** Time passes until no pass is open. */
  async #settle(): Promise<void> {
    const until = this.#clock.now + PASS
    for (const peer of this.#active) {
      let wake = nextWake(peer.group)
      while (wake !== undefined && wake <= until) {
        this.#clock.now = Math.max(this.#clock.now, wake)
        await peer.step({ type: "tick" })
        wake = nextWake(peer.group)
      }
    }
    const ends = new Set(this.#active.map((peer) => JSON.stringify(fingerprint(peer.group))))
    if (ends.size !== 1) throw new Error("the history's own members disagree")
  }
}

function pick<T>(list: readonly T[], n: number): T {
  const found = list[n % list.length]
  if (found === undefined) throw new Error("an empty list")
  return found
}

const WORDS =
  "what one says in a group of friends is short most of the time, and now and then somebody tells a whole story that fills the bubble, so that the sizes of messages differ as they do in life"
