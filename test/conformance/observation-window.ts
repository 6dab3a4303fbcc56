// Scenario IR, observations: what a client saw since it was last looked at.

import type { Effect, GroupChange, MarmotGroup } from "../../src/marmot/engine-types.ts"
import { tipOf } from "../../src/marmot/graph.ts"
import type { Decision } from "./decision.ts"

export interface EpochChange {
  readonly from: number
  readonly to: number
}

export class ObservationWindow {
  readonly payloads: string[] = []
  /** Accounts, 64 hex. */
  readonly added: string[] = []
  /** Accounts, 64 hex. */
  readonly removed: string[] = []
  readonly epochChanges: EpochChange[] = []
  readonly decisions: Decision[] = []
  withdrawn = 0

  clear(): void {
    for (const seen of [this.payloads, this.added, this.removed]) seen.length = 0
    this.epochChanges.length = 0
    this.decisions.length = 0
    this.withdrawn = 0
  }

  noteEpochs(before: MarmotGroup, after: MarmotGroup): void {
    const [from, to] = [tipOf(before).epoch, tipOf(after).epoch]
    if (from !== to) this.epochChanges.push({ from, to })
  }

  noteChanges(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === "notify") effect.changes.forEach((change) => this.#note(change))
      if (effect.type === "withdraw") this.withdrawn++
    }
  }

  #note(change: GroupChange): void {
    if (change.type === "member_added") this.added.push(change.subject)
    if (change.type === "member_removed" || change.type === "member_left") {
      this.removed.push(change.subject)
    }
  }
}
