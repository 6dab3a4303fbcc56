// Scenario IR, expectations: comparing what was observed with what the suite says.

import { isDeepStrictEqual } from "node:util"
import type { Decision } from "./decision.ts"
import type { Outcome } from "./scenario.ts"
import type { ClientObservation, ExactObservation, Trace } from "./trace.ts"

/** What does not hold. */
export interface Failure {
  readonly kind: string
  readonly message: string
  readonly expected?: unknown
  readonly actual?: unknown
}

export function compareOutcomes(outcomes: readonly Outcome[], trace: Trace): Failure[] {
  return outcomes.flatMap((outcome) => compareOutcome(outcome, trace))
}

function compareOutcome(outcome: Outcome, trace: Trace): Failure[] {
  const unmet = (message: string, actual: unknown): Failure[] => [
    { kind: outcome.type, message, expected: outcome, actual },
  ]
  switch (outcome.type) {
    case "pending_resolution": {
      return includes(trace.pending_resolutions, membersOf(outcome))
        ? []
        : unmet("no such resolution", trace.pending_resolutions)
    }
    case "expected_error": {
      return includes(trace.errors, membersOf(outcome))
        ? []
        : unmet("no such refusal", trace.errors)
    }
    case "admin_policy": {
      const policy = trace.admin_policies.findLast(({ client }) => client === outcome.client)
      const same = isDeepStrictEqual(sorted(policy?.admins), sorted(outcome.admins))
      return same ? [] : unmet("another admin policy", policy)
    }
    case "client_state": {
      const seen = semantic(trace, outcome.client)
      return seen !== undefined && isInState(seen, outcome) ? [] : unmet("another state", seen)
    }
    case "application_payload_multiset": {
      const payloads = semantic(trace, outcome.client)?.received_payloads
      const same = isDeepStrictEqual(sorted(payloads), sorted(outcome.payloads))
      return same ? [] : unmet("other messages", payloads)
    }
    case "group_profile": {
      const seen = semantic(trace, outcome.client)
      const { name, description } = outcome
      const same = seen?.group_name === name && seen.group_description === description
      return same ? [] : unmet("another profile", seen)
    }
    case "clients_converged": {
      const seen = outcome.clients.map((client) => semantic(trace, client))
      return haveConverged(seen, outcome) ? [] : unmet("the clients differ", seen)
    }
    case "clients_exactly_equivalent": {
      const states = outcome.clients.map((client) => exact(trace, client)?.canonical)
      const [first] = states
      const same = first !== undefined && states.every((state) => isDeepStrictEqual(state, first))
      return same ? [] : unmet("the canonical states differ", states)
    }
    case "clients_not_equivalent": {
      const states = outcome.clients.map((client) => exact(trace, client)?.canonical)
      const distinct = states.every((state, i) =>
        states.slice(i + 1).every((other) => !isDeepStrictEqual(state, other)),
      )
      const enough = states.length > 1 && states.every((state) => state !== undefined)
      return enough && distinct ? [] : unmet("clients agree that should not", states)
    }
    case "scenario_input_ledger":
      return unmet("input ledgers are not kept by this adapter", undefined)
    case "no_pending_work":
      return outcome.clients.flatMap((client) => {
        const work = exact(trace, client)?.pendingWork
        return work?.length === 0 ? [] : unmet(`${client} has work left`, work)
      })
    case "no_pending_work_except_retained_join_commit": {
      const seen = exact(trace, outcome.client)
      // A product of ours does not even fetch what came before it joined.
      const allowed = seen?.pendingWork.filter((work) => work !== "unopened events")
      const fine = allowed?.length === 0 && (seen?.deferredInputs ?? 0) <= 1
      return fine ? [] : unmet("work is left", seen?.pendingWork)
    }
    case "clients_bidirectionally_decryptable": {
      const { clients } = outcome
      const edges = clients.flatMap((a) => clients.flatMap((b) => (a === b ? [] : [`${a} ${b}`])))
      const probe = trace.probes.findLast((each) => edges.every((edge) => each.arrived.has(edge)))
      return edges.length > 0 && probe !== undefined
        ? []
        : unmet(
            "not everyone reads everyone",
            trace.probes.map((each) => [...each.arrived]),
          )
    }
    case "client_epoch_changes": {
      const changes = trace.observations.findLast(({ client }) => client === outcome.client)
      const same = isDeepStrictEqual(changes?.epoch_changes, outcome.changes)
      return same ? [] : unmet("other epoch changes", changes?.epoch_changes)
    }
    case "convergence_decision": {
      const decisions = settledDecisions(trace, outcome.client)
      const found = decisions.some((decision) => isDecision(decision, outcome))
      return found ? [] : unmet("no such decision", decisions)
    }
  }
}

/** The newest look at the event window; an exact look later opens a new window. */
function semantic(trace: Trace, client: string): ClientObservation | undefined {
  const own = trace.observations.filter((seen) => seen.client === client)
  return own.findLast((seen) => seen.exact === undefined) ?? own.at(-1)
}

function exact(trace: Trace, client: string): ExactObservation | undefined {
  return trace.observations.findLast((seen) => seen.client === client && seen.exact !== undefined)
    ?.exact
}

function isInState(
  seen: ClientObservation,
  outcome: Outcome & { readonly type: "client_state" },
): boolean {
  const { epoch, member_count, received_payloads, added_members, removed_members } = outcome
  const agrees = (expected: readonly string[] | undefined, actual: readonly string[]) =>
    expected === undefined || isDeepStrictEqual(expected, actual)
  return (
    seen.epoch === epoch &&
    seen.member_count === member_count &&
    agrees(received_payloads, seen.received_payloads) &&
    agrees(added_members, seen.added_members) &&
    agrees(removed_members, seen.removed_members)
  )
}

function haveConverged(
  seen: readonly (ClientObservation | undefined)[],
  { epoch, member_count }: Outcome & { readonly type: "clients_converged" },
): boolean {
  const [first] = seen
  if (first === undefined) return false
  const same = seen.every(
    (each) =>
      each?.epoch === first.epoch &&
      each.member_count === first.member_count &&
      each.group_name === first.group_name &&
      each.group_description === first.group_description,
  )
  return (
    same &&
    (epoch ?? first.epoch) === first.epoch &&
    (member_count ?? first.member_count) === first.member_count
  )
}

/** Of each client the last decision that had something to decide. */
function settledDecisions(trace: Trace, client: string | undefined): Decision[] {
  const seen =
    client === undefined
      ? trace.observations
      : trace.observations.filter((each) => each.client === client).slice(-1)
  return seen.flatMap(
    ({ decisions }) => decisions.findLast((decision) => decision.candidates > 0) ?? [],
  )
}

function isDecision(
  decision: Decision,
  outcome: Outcome & { readonly type: "convergence_decision" },
): boolean {
  const { selected_branch_id, selected_tip_epoch, decisive_rule } = outcome
  const { witness_quorum_met, min_app_witness_score } = outcome
  return (
    (selected_branch_id === undefined || selected_branch_id === decision.selectedBranch) &&
    (selected_tip_epoch === undefined || selected_tip_epoch === decision.selectedTipEpoch) &&
    (decisive_rule === undefined || decisive_rule === decision.decisiveRule) &&
    (witness_quorum_met === undefined || witness_quorum_met === decision.quorum) &&
    (min_app_witness_score === undefined || decision.witnessScore >= min_app_witness_score)
  )
}

/** All that an observation has, too. */
function membersOf(outcome: Outcome): object {
  return Object.fromEntries(Object.entries(outcome).filter(([name]) => name !== "type"))
}

function includes(observed: readonly unknown[], expected: unknown): boolean {
  return observed.some((each) => isDeepStrictEqual(each, expected))
}

function sorted(values: readonly string[] | undefined): readonly string[] | undefined {
  return values === undefined ? undefined : [...values].sort()
}
