// Scenario IR v2 and v3, vector envelopes and outcomes: what a file of the conformance suite may say.

import {
  anything,
  type Check,
  type Checked,
  count,
  flag,
  label,
  list,
  object,
  oneOf,
  openObject,
  optional,
  positive,
  ShapeError,
  tagged,
  text,
  unique,
  wide,
} from "./shape.ts"

const labels = list(label)

const selector = object({
  action_id: optional(label),
  publication: optional(label),
  sender: optional(label),
  class: optional(oneOf("commit", "proposal", "application", "welcome", "group_message")),
  occurrence: optional(count),
})
export type Selector = Checked<typeof selector>

const predicate = tagged("type", {
  client_state: { client: label, epoch: optional(count), member_count: optional(count) },
  payload_count: { client: label, payload: text, count },
  clients_exactly_equivalent: { clients: labels },
  no_pending_work: { clients: labels },
})
export type Predicate = Checked<typeof predicate>

const assertion = tagged("mode", {
  exactly: { predicate },
  eventually: { predicate, max_iterations: positive },
  within: { predicate, timeout_ms: count, poll_interval_ms: positive },
  never: { predicate, duration_ms: count, poll_interval_ms: positive },
  resource: {
    metric: oneOf(
      "runnable_work",
      "deferred_retry_work",
      "outbound_awaiting_acknowledgement",
      "transport_queued_messages",
      "transport_delayed_messages",
      "transport_mailbox_messages",
      "scenario_inputs_pending",
    ),
    comparison: oneOf("equal", "less_than_or_equal", "greater_than_or_equal"),
    value: count,
  },
})
export type Assertion = Checked<typeof assertion>

const quiescencePolicy = object({
  max_iterations: optional(count),
  max_virtual_time_ms: optional(count),
  max_work_units: optional(count),
  outbound: optional(oneOf("accept_all", "manual")),
  transport: optional(oneOf("deliver_all", "manual")),
})

/** Steps that may stand inside `in_group`. */
const plainSteps = {
  create_group: {
    creator: label,
    name: text,
    invitees: labels,
    required_features: optional(labels),
    initial_admins: optional(labels),
    pending: label,
  },
  invite_members: { inviter: label, invitees: labels, pending: label },
  remove_members: { remover: label, members: labels, pending: label },
  self_update: { client: label, pending: label },
  update_group_data: { client: label, name: text, pending: label },
  update_group_profile: {
    client: label,
    name: optional(text),
    description: optional(text),
    pending: label,
  },
  update_admin_policy: { client: label, admins: labels, pending: label },
  expect_update_admin_policy_error: { client: label, admins: labels, error: label },
  acknowledge_outbound: {
    client: label,
    publication: optional(label),
    selection: optional(
      oneOf("all", "state_confirmation", "welcome", "group_message", "regenerated_queued_intent"),
    ),
    outcome: oneOf("accepted", "reached_no_endpoint"),
  },
  send_app_message: { sender: label, payload: text },
  leave: { client: label },
  deliver_all: {},
  tick: { clients: labels },
  advance_time: { delta_ms: count },
  await_quiescence: { policy: optional(quiescencePolicy) },
  observe: { clients: labels },
  observe_exact: { clients: labels },
  probe_bidirectional_decryptability: { clients: labels },
  observe_admin_policy: { clients: labels },
  clear_events: { clients: labels },
  omit_message: { selector },
  duplicate_message: { selector },
  withhold_message: { selector, label },
  release_withheld: { label },
  reorder_messages: { order: list(selector) },
  set_partition: { allow: labels },
  clear_partition: {},
  restart_client: { client: label },
  set_client_offline: { client: label },
  reconnect_client: { client: label },
  sync_relay_history: {
    clients: labels,
    sync: tagged("mode", {
      incremental: {},
      since: { timestamp: count },
      full_history: {},
      set_reconciliation: {},
    }),
  },
  configure_relay: { relay: label, order: oneOf("natural", "reverse"), duplicate_copies: count },
  set_relay_event_visibility: { relay: label, selector, clients: labels, visible: flag },
  reconcile_relay_histories: { relays: labels },
  crash_process: { process: label },
  restart_process: { process: label },
  inject_storage_fault: { fault: anything },
  clear_storage_fault: { target: label },
  barrier: { name: label },
  assert: { assertion },
}

const plainStep = tagged("type", plainSteps)
const step = tagged("type", { ...plainSteps, in_group: { group: label, action: plainStep } })
export type PlainStep = Checked<typeof plainStep>
export type Step = Checked<typeof step>

const topology = openObject({
  devices: optional(list(object({ id: label, account: label, process: label, client: label }))),
  processes: optional(list(openObject({ id: label, relays: optional(labels) }))),
  relays: optional(list(openObject({ id: label }))),
})

const scenario = object({
  name: label,
  spec_version: oneOf("2", "3"),
  clients: unique(label),
  topology: optional(topology),
  steps: list(step),
})
export type Scenario = Checked<typeof scenario>

const epochChanges = list(object({ from: count, to: count }))

const outcome = tagged("type", {
  pending_resolution: { step_index: count, client: label, pending: label, resolution: label },
  expected_error: { step_index: count, client: label, operation: label, error: label },
  admin_policy: { client: label, admins: labels },
  client_state: {
    client: label,
    epoch: count,
    member_count: count,
    received_payloads: optional(list(text)),
    added_members: optional(labels),
    removed_members: optional(labels),
  },
  application_payload_multiset: { client: label, payloads: list(text) },
  group_profile: { client: label, name: text, description: text },
  clients_converged: { clients: labels, epoch: optional(count), member_count: optional(count) },
  clients_exactly_equivalent: { clients: labels },
  clients_not_equivalent: { clients: labels, reason: text },
  scenario_input_ledger: { client: label, entries: list(anything) },
  no_pending_work: { clients: labels },
  no_pending_work_except_retained_join_commit: { client: label },
  clients_bidirectionally_decryptable: { clients: labels },
  client_epoch_changes: { client: label, changes: epochChanges },
  convergence_decision: {
    client: optional(label),
    selected_branch_id: optional(label),
    selected_tip_epoch: optional(count),
    decisive_rule: optional(label),
    witness_quorum_met: optional(flag),
    min_app_witness_score: optional(count),
  },
})
export type Outcome = Checked<typeof outcome>

const trace = openObject({
  name: label,
  pending_resolutions: optional(
    list(object({ step_index: count, client: label, pending: label, resolution: label })),
  ),
  observations: list(openObject({ client: label })),
})

const profile = openObject({ name: oneOf("current", "legacy") })

const vector = openObject({
  seed: optional(wide),
  application_profile: optional(profile),
  scenario,
  expected_trace: optional(anything),
  expected_outcomes: optional(list(outcome)),
})

const generatedCase = openObject({
  seed: optional(wide),
  subject: optional(label),
  scenario: optional(scenario),
  expected_outcomes: optional(list(outcome)),
})

/** A scenario, what is expected of it, and which transport it was written for. */
export interface Fixture {
  readonly scenario: Scenario
  readonly outcomes: readonly Outcome[]
  /** As in the file; members that it does not name are not compared. */
  readonly trace: unknown
  readonly transport: "packets" | "relays"
  readonly seed: number
}

/** Reads a portable vector or an exported generated case. Throws `ShapeError`. */
export function parseFixture(json: unknown): Fixture {
  if (typeof json !== "object" || json === null) throw new ShapeError("the file is no object")
  const fixture = "case" in json ? ofCase(json.case) : ofVector(json)
  checkSteps(fixture.scenario)
  return fixture
}

function ofVector(json: unknown): Fixture {
  const read = vector(json, "vector")
  const expected: Check<unknown> = optional(trace)
  expected(read.expected_trace, "vector.expected_trace")
  return {
    scenario: read.scenario,
    outcomes: read.expected_outcomes ?? [],
    trace: read.expected_trace,
    transport: usesRelays(read.scenario) ? "relays" : "packets",
    seed: read.seed ?? 0,
  }
}

function ofCase(json: unknown): Fixture {
  const read = generatedCase(json, "case")
  if (read.scenario === undefined) throw new ShapeError("case.scenario is missing")
  const relays = read.subject === "retained_relay" || usesRelays(read.scenario)
  return {
    scenario: read.scenario,
    outcomes: read.expected_outcomes ?? [],
    trace: undefined,
    transport: relays ? "relays" : "packets",
    seed: read.seed ?? 0,
  }
}

const RELAY_STEPS: ReadonlySet<string> = new Set([
  "set_client_offline",
  "reconnect_client",
  "sync_relay_history",
  "configure_relay",
  "set_relay_event_visibility",
  "reconcile_relay_histories",
])

function usesRelays(read: Scenario): boolean {
  return read.steps.some((each) => RELAY_STEPS.has(each.type))
}

/** What a shape can't say: versions, and selectors that select nothing in particular. */
function checkSteps(read: Scenario): void {
  read.steps.forEach((each, i) => {
    const plain = each.type === "in_group" ? each.action : each
    if (plain.type === "update_group_profile" && read.spec_version !== "3") {
      throw new ShapeError(`step ${i}: update_group_profile needs Scenario IR 3`)
    }
    for (const chosen of selectorsOf(plain)) {
      const { action_id, publication, sender, class: kind } = chosen
      if ([action_id, publication, sender, kind].every((value) => value === undefined)) {
        throw new ShapeError(`step ${i}: a selector without a constraint`)
      }
    }
  })
}

function selectorsOf(plain: PlainStep): readonly Selector[] {
  if (plain.type === "reorder_messages") return plain.order
  return "selector" in plain ? [plain.selector] : []
}
