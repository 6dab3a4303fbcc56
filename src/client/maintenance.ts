// What is due now and then: renewing our leaves and KeyPackage, deleting keys, looking whether we are still reachable.

import { bytesToHex } from "../nostr/event.ts"
import type { Chats } from "./chats.ts"
import type { Groups } from "./groups.ts"
import type { KeyPackages } from "./key-packages.ts"
import type { Mailbox } from "./mailbox.ts"
import type { Timer, World } from "./ports.ts"
import type { Reachability } from "./reachability.ts"
import type { Reinviter } from "./reinviter.ts"
import type { UsedKeyPackages } from "./used-key-packages.ts"

export const ROUND_MS = 50_000
/** Someone may have deleted our events, or a relay forgotten them. */
const REACHABLE_EVERY_MS = 6 * 3_600_000
const REACHABLE_RETRY_MS = 20_000
const HOUR_MS = 3_600_000

/**
 * When to renew our own leaf after joining. Behaviour §3: as soon as practical, within 24 h. Not at once: of several
 * people who join together all would make a Commit in the same second, and all but one would lose.
 */
export function firstSelfUpdate(now: number, random: (length: number) => Uint8Array): number {
  return now + HOUR_MS / 4 + fraction(random) * 12 * HOUR_MS
}

/** MDK: every 24 to 36 days. */
export function nextSelfUpdate(now: number, random: (length: number) => Uint8Array): number {
  return now + (24 + 12 * fraction(random)) * 24 * HOUR_MS
}

export interface MaintenanceOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly groups: Groups
  readonly chats: Chats
  readonly keyPackages: KeyPackages
  readonly used: UsedKeyPackages
  readonly reinviter: Reinviter
  readonly reachability: Reachability
  /** What relays hold of the group was taken in. */
  readonly isReadUp: (groupId: string) => boolean
}

export class Maintenance {
  readonly #options: MaintenanceOptions
  #timer: Timer | undefined
  #checkedAt: number
  #closed = false

  constructor(options: MaintenanceOptions) {
    this.#options = options
    this.#checkedAt = options.world.now()
  }

  start(): void {
    void this.#round()
  }

  close(): void {
    this.#closed = true
    if (this.#timer !== undefined) this.#options.world.timers.clearTimeout(this.#timer)
  }

  /** A relay can be reached: if we are not reachable yet, this may be the one. */
  connected(): void {
    this.#look(REACHABLE_RETRY_MS)
  }

  async #round(): Promise<void> {
    const { world } = this.#options
    try {
      await this.#sweep()
      await this.#renewLeaves()
      this.#look(ROUND_MS)
      await this.#options.reinviter.round()
    } catch (error) {
      if (!this.#closed) world.log("maintenance failed", error)
    }
    if (!this.#closed) this.#timer = world.timers.setTimeout(() => void this.#round(), ROUND_MS)
  }

  #look(retryAfter: number): void {
    const { reachability, world } = this.#options
    const pause = reachability.isComplete ? REACHABLE_EVERY_MS : retryAfter
    if (this.#closed || world.now() - this.#checkedAt < pause) return
    this.#checkedAt = world.now()
    reachability.check()
  }

  #sweep(): Promise<void> {
    const { mailbox, keyPackages, used } = this.#options
    return mailbox.run((draft) => {
      keyPackages.sweep(draft)
      used.sweep(draft)
    })
  }

  async #renewLeaves(): Promise<void> {
    const { chats, groups, mailbox, world, isReadUp } = this.#options
    for (const { groupId, selfUpdateAt, renewing } of chats.all()) {
      if (selfUpdateAt === undefined || selfUpdateAt > world.now()) continue
      // After an absence: a Commit on a state that the others have left long ago would only be in the way.
      if (groups.get(groupId)?.standing === "active" && !isReadUp(groupId)) continue
      await mailbox.run(async (draft) => {
        const group = groups.get(groupId, draft)
        if (group === undefined) return
        const { standing, settled } = world.engine.summary(group)
        // A busy group is left alone until the next round.
        if ((standing === "active" && !settled) || standing === "disbanding") return
        if (standing !== "active") {
          chats.setSelfUpdate(draft, groupId, { selfUpdateAt: undefined })
          return
        }
        const key = world.engine.ownLeafKey(group)
        if (renewing !== undefined && renewing.key !== key && renewing.next > draft.now) {
          chats.setSelfUpdate(draft, groupId, { selfUpdateAt: renewing.next })
          return
        }
        const next = nextSelfUpdate(draft.now, (length) => world.random(length))
        // It may be refused, or lose against another Commit: then it is due again.
        chats.setSelfUpdate(draft, groupId, {
          selfUpdateAt: draft.now + HOUR_MS,
          renewing: { key, next },
        })
        const intentId = `renew:${bytesToHex(world.random(16))}`
        await groups.apply(draft, groupId, {
          type: "intent",
          intent: { type: "selfUpdate", intentId },
        })
      })
    }
  }
}

function fraction(random: (length: number) => Uint8Array): number {
  const [high = 0, low = 0] = random(2)
  return (high * 256 + low) / 65_536
}
