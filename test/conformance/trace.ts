// Scenario IR, trace: what happened, in the words of the scenario; expectations are compared with it.

import type { Decision } from "./decision.ts"
import type { EpochChange } from "./observation-window.ts"

export interface ClientObservation {
  readonly client: string
  readonly epoch: number
  readonly member_count: number
  readonly group_name: string
  readonly group_description: string
  readonly event_counts: {
    readonly message_received: number
    readonly member_added: number
    readonly member_removed: number
    readonly epoch_changed: number
    readonly app_invalidated: number
  }
  readonly received_payloads: readonly string[]
  readonly added_members: readonly string[]
  readonly removed_members: readonly string[]
  readonly epoch_changes: readonly EpochChange[]
  readonly decisions: readonly Decision[]
  /** Only of `observe_exact`. */
  readonly exact: ExactObservation | undefined
}

export interface ExactObservation {
  readonly canonical: unknown
  readonly pendingWork: readonly string[]
  /** Events that were put aside; they are named in `pendingWork` too. */
  readonly deferredInputs: number
}

export interface PendingResolution {
  readonly step_index: number
  readonly client: string
  readonly pending: string
  readonly resolution: "confirmed" | "rolled_back"
}

export interface ErrorObservation {
  readonly step_index: number
  readonly client: string
  readonly operation: string
  readonly error: string
}

/** Who could read whom. */
export interface Probe {
  readonly clients: readonly string[]
  /** "sender recipient" of every message that arrived. */
  readonly arrived: ReadonlySet<string>
}

export interface Trace {
  readonly name: string
  readonly pending_resolutions: PendingResolution[]
  readonly errors: ErrorObservation[]
  readonly admin_policies: { readonly client: string; readonly admins: readonly string[] }[]
  readonly probes: Probe[]
  readonly observations: ClientObservation[]
}

export function emptyTrace(name: string): Trace {
  return {
    name,
    pending_resolutions: [],
    errors: [],
    admin_policies: [],
    probes: [],
    observations: [],
  }
}
