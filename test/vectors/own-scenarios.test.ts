// Marmot conformance: scenarios of our own, in the suite's language, for what its files leave out.

import { describe, expect, test } from "vitest"
import { runFixture } from "../conformance/run.ts"

type Json = Readonly<Record<string, unknown>>

/** The first client founds a group with all others; `admins` are admins beside it. */
function founded(clients: readonly string[], admins: readonly string[] = []): Json[] {
  const [creator, ...invitees] = clients
  return [
    {
      type: "create_group",
      creator,
      name: "own",
      invitees,
      initial_admins: admins,
      pending: "create",
    },
    accepted(creator, "create"),
    { type: "deliver_all" },
    { type: "tick", clients: invitees },
    { type: "clear_events", clients },
  ]
}

const accepted = (client: string | undefined, publication: string): Json => ({
  type: "acknowledge_outbound",
  client,
  publication,
  outcome: "accepted",
})
const exchange = (clients: readonly string[]): Json[] => [
  { type: "deliver_all" },
  { type: "tick", clients },
]
const says = (sender: string, payload: string): Json => ({
  type: "send_app_message",
  sender,
  payload,
})
const asserts = (assertion: Json): Json => ({ type: "assert", assertion })

function scenario(
  clients: readonly string[],
  steps: readonly Json[],
  expected_outcomes: readonly Json[],
  more: Json = {},
): Json {
  const name = "own/v1"
  return {
    scenario: { name, spec_version: "3", clients, steps, ...more },
    expected_outcomes,
  }
}

async function passes(fixture: Json): Promise<void> {
  expect(await runFixture(fixture)).toEqual([])
}

test("an admin's removal beats the self-update of the one who is removed", async () => {
  const clients = ["alice", "bob", "carol"]
  await passes(
    scenario(
      clients,
      [
        ...founded(clients),
        { type: "self_update", client: "bob", pending: "race" },
        { type: "remove_members", remover: "alice", members: ["bob"], pending: "remove" },
        accepted("bob", "race"),
        accepted("alice", "remove"),
        ...exchange(clients),
        { type: "observe_exact", clients: ["alice", "carol"] },
      ],
      [
        { type: "convergence_decision", client: "carol", decisive_rule: "tip_priority" },
        { type: "clients_exactly_equivalent", clients: ["alice", "carol"] },
        {
          type: "client_state",
          client: "carol",
          epoch: 2,
          member_count: 2,
          removed_members: ["bob"],
        },
        { type: "no_pending_work", clients: ["alice", "carol"] },
      ],
    ),
  )
})

test("a pass lasts a second in virtual time, and a message waits for it", async () => {
  const clients = ["alice", "bob"]
  await passes(
    scenario(
      clients,
      [
        ...founded(clients),
        { type: "advance_time", delta_ms: 1 },
        { type: "self_update", client: "alice", pending: "update" },
        accepted("alice", "update"),
        ...exchange(["bob"]),
        says("bob", "after the pass"),
        asserts({
          mode: "exactly",
          predicate: { type: "client_state", client: "bob", epoch: 1 },
        }),
        asserts({
          mode: "resource",
          metric: "transport_queued_messages",
          comparison: "equal",
          value: 0,
        }),
        { type: "advance_time", delta_ms: 999 },
        { type: "tick", clients: ["bob"] },
        asserts({
          mode: "never",
          predicate: { type: "client_state", client: "bob", epoch: 2 },
          duration_ms: 0,
          poll_interval_ms: 1,
        }),
        asserts({
          mode: "within",
          predicate: { type: "client_state", client: "bob", epoch: 2 },
          timeout_ms: 1,
          poll_interval_ms: 1,
        }),
        ...exchange(["alice"]),
        { type: "observe", clients },
      ],
      [
        {
          type: "client_state",
          client: "alice",
          epoch: 2,
          member_count: 2,
          received_payloads: ["after the pass"],
        },
        { type: "client_epoch_changes", client: "bob", changes: [{ from: 1, to: 2 }] },
      ],
    ),
  )
})

test("messages after a fork is settled open no pass", async () => {
  const clients = ["alice", "bob", "carol"]
  await passes(
    scenario(
      clients,
      [
        ...founded(clients, ["bob"]),
        { type: "update_group_data", client: "alice", name: "one", pending: "one" },
        { type: "update_group_data", client: "bob", name: "two", pending: "two" },
        accepted("alice", "one"),
        accepted("bob", "two"),
        ...exchange(clients),
        { type: "await_quiescence" },
        says("alice", "a"),
        says("bob", "b"),
        says("carol", "c"),
        ...exchange(clients),
        { type: "observe_exact", clients },
      ],
      [
        { type: "clients_exactly_equivalent", clients },
        { type: "no_pending_work", clients },
        { type: "application_payload_multiset", client: "carol", payloads: ["b", "a"] },
      ],
    ),
  )
})

test("who was offline gets everything from relays that hold different parts, backwards and twice", async () => {
  const clients = ["alice", "bob", "carol"]
  const relays = ["one", "two"]
  const topology = {
    accounts: clients.map((id) => ({ id })),
    devices: clients.map((id) => ({ id, account: id, process: id, client: id })),
    processes: clients.map((id) => ({
      id,
      binary_version: "1",
      policy_version: "1",
      relays: id === "alice" ? ["one"] : id === "bob" ? ["two"] : relays,
    })),
    relays: relays.map((id) => ({ id, implementation_version: "1", policy_version: "1" })),
  }
  const reconciled = { type: "reconcile_relay_histories", relays }
  await passes(
    scenario(
      clients,
      [
        ...founded(clients).slice(0, 2),
        reconciled,
        ...exchange(["bob", "carol"]),
        { type: "set_client_offline", client: "carol" },
        { type: "self_update", client: "alice", pending: "a1" },
        accepted("alice", "a1"),
        reconciled,
        ...exchange(["bob"]),
        { type: "self_update", client: "bob", pending: "b1" },
        accepted("bob", "b1"),
        says("bob", "said at three"),
        { type: "acknowledge_outbound", client: "bob", outcome: "accepted" },
        reconciled,
        ...exchange(["alice"]),
        { type: "configure_relay", relay: "one", order: "reverse", duplicate_copies: 2 },
        { type: "configure_relay", relay: "two", order: "reverse", duplicate_copies: 1 },
        { type: "reconnect_client", client: "carol" },
        { type: "sync_relay_history", clients: ["carol"], sync: { mode: "full_history" } },
        { type: "tick", clients: ["carol"] },
        { type: "observe", clients: ["carol"] },
        { type: "probe_bidirectional_decryptability", clients: ["alice", "carol"] },
        { type: "observe_exact", clients: ["alice", "carol"] },
      ],
      [
        { type: "clients_exactly_equivalent", clients: ["alice", "carol"] },
        { type: "clients_bidirectionally_decryptable", clients: ["alice", "carol"] },
        {
          type: "application_payload_multiset",
          client: "carol",
          payloads: ["said at three"],
        },
      ],
      { topology },
    ),
  )
})

test("a scenario that can't go on, or expects nothing, has failed", async () => {
  const clients = ["alice", "bob"]
  const steps = founded(clients)
  const outcome = { type: "clients_converged", clients }
  expect(await runFixture(scenario(clients, steps, []))).toMatchObject([{ kind: "unsupported" }])
  expect(await runFixture(scenario(clients, steps, [outcome]))).toMatchObject([
    { kind: "clients_converged" },
  ])
  const unknown = [...steps, { type: "dance" }]
  expect(await runFixture(scenario(clients, unknown, [outcome]))).toMatchObject([
    { kind: "invalid_file" },
  ])
  const unpublished = [...steps, accepted("alice", "nothing")]
  expect(await runFixture(scenario(clients, unpublished, [outcome]))).toMatchObject([
    { kind: "publication_not_found" },
  ])
  const notAdmin = [...steps, { type: "update_group_data", client: "bob", name: "x", pending: "p" }]
  expect(
    await runFixture(
      scenario(
        ["alice", "bob"],
        [{ ...steps[0], initial_admins: [] }, ...notAdmin.slice(1)],
        [outcome],
      ),
    ),
  ).toMatchObject([{ kind: "not_group_admin" }])
})

test("a file that the schema does not allow is told from one whose expectations fail", async () => {
  const steps = founded(["alice", "bob"])
  const state = { type: "client_state", client: "bob", epoch: 1, member_count: 2 }
  const observe = { type: "observe", clients: ["bob"] }
  const file = (more: readonly Json[], outcomes: readonly Json[]) =>
    scenario(["alice", "bob"], [...steps, ...more, observe], outcomes)
  // Names that every JavaScript object has are no steps, outcomes or members.
  const invalid = [
    file([{ type: "constructor" }], [state]),
    file([], [state, { type: "valueOf" }]),
    file([{ type: "deliver_all", toString: 1 }], [state]),
    scenario(["alice", "bob", "alice"], [...steps, observe], [state]),
    { ...file([], [state]), seed: -1 },
    { ...file([], [state]), seed: 1.5 },
  ]
  for (const each of invalid) {
    expect(await runFixture(each)).toMatchObject([{ kind: "invalid_file" }])
  }
  // The reference's seeds have 64 bits.
  await passes({ ...file([], [state]), seed: 2 ** 64 - 1 })
})

describe("a file that asks for too much", () => {
  const ages = 2 ** 53 - 1
  const steps = founded(["alice", "bob"])
  const state = { type: "client_state", client: "bob", epoch: 1, member_count: 2 }
  const another = { type: "client_state", client: "bob", epoch: 7 }
  const file = (more: readonly Json[]) =>
    scenario(["alice", "bob"], [...steps, ...more, { type: "observe", clients: ["bob"] }], [state])
  const polled = { predicate: another, poll_interval_ms: 1 }

  test("time in which nothing can happen is passed over", async () => {
    await passes(file([asserts({ mode: "never", ...polled, duration_ms: ages })]))
    const within = file([asserts({ mode: "within", ...polled, timeout_ms: ages })])
    expect(await runFixture(within)).toMatchObject([{ kind: "assertion_failed" }])
    const eventually = { mode: "eventually", predicate: another, max_iterations: ages }
    expect(await runFixture(file([asserts(eventually)]))).toMatchObject([
      { kind: "assertion_failed" },
    ])
  })

  test("polls see what happens at its time", async () => {
    const shown = { type: "payload_count", client: "bob", payload: "late", count: 1 }
    const self = { type: "self_update", client: "alice", pending: "renewal" }
    const renewed = { type: "client_state", client: "bob", epoch: 2, member_count: 2 }
    const steps = [self, accepted("alice", "renewal"), { type: "deliver_all" }]
    const within = (timeout_ms: number) =>
      asserts({ mode: "within", predicate: renewed, timeout_ms, poll_interval_ms: 7 })
    const never = asserts({ mode: "never", ...polled, predicate: shown, duration_ms: 500 })
    expect(await runFixture(file([...steps, within(990)]))).toMatchObject([
      { kind: "assertion_failed" },
    ])
    const later = { ...state, epoch: 2 }
    const last = { type: "observe", clients: ["bob"] }
    const all = [...founded(["alice", "bob"]), ...steps, never, within(1_100), last]
    await passes(scenario(["alice", "bob"], all, [later]))
  })

  test("work without end is a failure", async () => {
    const clients = Array.from({ length: 1_000 }, () => ["alice", "bob"]).flat()
    const ticks = Array.from({ length: 130 }, () => ({ type: "tick", clients }))
    expect(await runFixture(file(ticks))).toMatchObject([{ kind: "work_exhausted" }])
  })

  test("no poll comes without time passing, and no member can do what nobody knows", async () => {
    const assertion = { mode: "never", ...polled, duration_ms: 5, poll_interval_ms: 0 }
    expect(await runFixture(file([asserts(assertion)]))).toMatchObject([{ kind: "invalid_file" }])
    const [create, ...rest] = steps
    const demanding = (feature: string) =>
      scenario(
        ["alice", "bob"],
        [
          { ...create, required_features: [feature] },
          ...rest,
          { type: "observe", clients: ["bob"] },
        ],
        [state],
      )
    await passes(demanding("self-remove"))
    expect(await runFixture(demanding("time-travel"))).toMatchObject([
      { kind: "unknown_required_feature" },
    ])
  })
})
