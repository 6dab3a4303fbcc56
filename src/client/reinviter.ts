// Marmot convergence §8.8: a Commit of ours that invited people has lost: they are invited again, on the branch that won.

import { bytesToHex } from "../nostr/event.ts"
import { sha256 } from "@noble/hashes/sha2.js"
import type { Draft } from "./draft.ts"
import type { Directory } from "./directory.ts"
import type { Groups } from "./groups.ts"
import type { Mailbox } from "./mailbox.ts"
import type { World } from "./ports.ts"
import { RecordMap } from "./record-map.ts"
import type { UsedKeyPackages } from "./used-key-packages.ts"

interface LostInvitation {
  readonly groupId: string
  /** The Commit that has lost. */
  readonly stateId: string
  /** 64 hex. Whoever got a Welcome already is on a branch that nobody else is on. */
  readonly recipient: string
  /** Milliseconds. */
  readonly lostAt: number
  readonly notBefore: number
  readonly pause: number
}

export interface ReinviterOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly groups: Groups
  readonly directory: Directory
  readonly used: UsedKeyPackages
  readonly self: string
  /** It can't be done; `why` in words. In the step that forgets it. */
  readonly gaveUp: (
    draft: Draft,
    lost: { readonly groupId: string; readonly recipient: string },
    why: string,
  ) => Promise<void>
}

/** The branch that lost may win again: not at once. */
const PATIENCE_MS = 15_000
const LONGEST_PAUSE_MS = 3_600_000
const LIFETIME_MS = 14 * 24 * 3_600_000

export class Reinviter {
  readonly #options: ReinviterOptions
  readonly #records = new RecordMap<LostInvitation>({
    table: "outbox",
    scope: "reinvitations",
    keyOf,
    sortOf: (key) => bytesToHex(sha256(new TextEncoder().encode(key))),
  })

  constructor(options: ReinviterOptions) {
    this.#options = options
  }

  load(): Promise<void> {
    return this.#records.load(this.#options.world.store)
  }

  lost(draft: Draft, groupId: string, stateId: string, recipients: readonly string[]): void {
    for (const recipient of recipients) {
      const times = { lostAt: draft.now, notBefore: draft.now + PATIENCE_MS, pause: PATIENCE_MS }
      this.#records.put(draft, { groupId, stateId, recipient, ...times })
    }
  }

  /** The Commit has won after all. */
  won(draft: Draft, stateId: string): void {
    for (const record of this.#records.values(draft)) {
      if (record.stateId === stateId) this.#records.delete(draft, keyOf(record))
    }
  }

  forget(draft: Draft, groupId: string): void {
    for (const record of this.#records.values(draft)) {
      if (record.groupId === groupId) this.#records.delete(draft, keyOf(record))
    }
  }

  /** Does what is due; called now and then. */
  async round(): Promise<void> {
    for (const record of this.#records.values()) {
      if (record.notBefore <= this.#options.world.now()) await this.#again(record)
    }
  }

  async #again(record: LostInvitation): Promise<void> {
    const { world, mailbox, groups, directory, used } = this.#options
    const state = this.#stateOf(record)
    if (state === "busy") return
    if (state !== "wanted") return this.#end(record, state)
    const { groupId, recipient } = record
    const group = groups.require(groupId)
    const [finding] = await directory.check([recipient], {
      members: new Set(world.engine.summary(group).members),
      requirements: world.engine.requirements(group),
    })
    const chosen = finding?.chosen
    if (chosen === undefined) {
      if (world.now() > record.lostAt + LIFETIME_MS) return this.#end(record, finding?.reason ?? "")
      return mailbox.run((draft) => this.#postpone(draft, record))
    }
    await mailbox.run(async (draft) => {
      // The question took its time.
      if (this.#records.get(keyOf(record), draft) === undefined) return
      if (this.#stateOf(record, draft) !== "wanted") return
      this.#records.delete(draft, keyOf(record))
      used.remember(draft, [chosen])
      const intentId = `reinvite:${bytesToHex(world.random(16))}`
      const intent = { type: "invite", intentId, invitees: [chosen.invitee] } as const
      await groups.apply(draft, groupId, { type: "intent", intent })
    })
  }

  /** Whether it is still to be done: words if it can't be; none where nothing is left to do. */
  #stateOf({ groupId, recipient }: LostInvitation, draft?: Draft): string {
    const { world, groups, self } = this.#options
    const group = groups.get(groupId, draft)
    if (group === undefined) return ""
    const { standing, members, admins, settled } = world.engine.summary(group)
    if (standing !== "active" || members.includes(recipient)) return ""
    if (!settled) return "busy"
    return admins.includes(self) ? "wanted" : "Only an admin can invite them now."
  }

  #end(record: LostInvitation, why: string): Promise<void> {
    const { mailbox, gaveUp } = this.#options
    return mailbox.run(async (draft) => {
      if (this.#records.get(keyOf(record), draft) === undefined) return
      this.#records.delete(draft, keyOf(record))
      if (why !== "") await gaveUp(draft, record, why)
    })
  }

  #postpone(draft: Draft, record: LostInvitation): void {
    if (this.#records.get(keyOf(record), draft) === undefined) return
    const pause = Math.min(LONGEST_PAUSE_MS, record.pause * 2)
    this.#records.put(draft, { ...record, pause, notBefore: draft.now + pause })
  }
}

function keyOf({ stateId, recipient }: LostInvitation): string {
  return `${stateId} ${recipient}`
}
