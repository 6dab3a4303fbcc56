// Scenario IR, steps: each in terms of clients, transport and time.

import { check } from "./assertions.ts"
import { createGroup } from "./create.ts"
import { observe, probe, say } from "./observe.ts"
import { type PacketBus } from "./packet-bus.ts"
import { StepFailure } from "./packet.ts"
import { awaitQuiescence } from "./progress.ts"
import { acknowledge } from "./publications.ts"
import type { RelayHistories } from "./relay-histories.ts"
import type { PlainStep, Step } from "./scenario.ts"
import { readableFacts } from "./snapshot.ts"
import type { World } from "./world.ts"

/** Throws `StepFailure`; `at` is the step's index. */
export async function execute(world: World, step: Step, at: number): Promise<void> {
  if (step.type !== "in_group") {
    world.actionId = `step-${at}:${step.type}`
    await executePlain(world, step, at)
    return
  }
  const { group, action } = step
  world.actionId = `step-${at}:${action.type}@${group}`
  if (action.type === "create_group") {
    if (world.groups.has(group)) {
      throw new StepFailure("duplicate_scenario_group", `group ${group} exists already`)
    }
    world.groups.set(group, await createGroup(world, action))
    return
  }
  const groupId = world.groups.get(group)
  if (groupId === undefined) throw new StepFailure("unknown_scenario_group", `no group ${group}`)
  for (const client of world.participants) client.current = groupId
  await executePlain(world, action, at)
}

async function executePlain(world: World, step: PlainStep, at: number): Promise<void> {
  switch (step.type) {
    case "create_group":
      await createGroup(world, step)
      return
    case "invite_members": {
      const client = world.participant(step.inviter)
      const invitees = []
      for (const each of step.invitees) invitees.push(await world.participant(each).invitee())
      client.expectWelcomes(invitees, world.intentId(client, step.pending))
      await world.want(client, { type: "invite", invitees }, step.pending)
      return
    }
    case "remove_members": {
      const members = world.accountsOf(step.members)
      const client = world.participant(step.remover)
      await world.want(client, { type: "remove", members }, step.pending)
      return
    }
    case "self_update":
      await world.want(world.participant(step.client), { type: "selfUpdate" }, step.pending)
      return
    case "update_group_data": {
      const client = world.participant(step.client)
      await world.want(client, { type: "update", name: step.name }, step.pending)
      return
    }
    case "update_group_profile": {
      const { name, description } = step
      const change = {
        type: "update" as const,
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
      }
      await world.want(world.participant(step.client), change, step.pending)
      return
    }
    case "update_admin_policy": {
      const admins = world.accountsOf(step.admins)
      await world.want(world.participant(step.client), { type: "update", admins }, step.pending)
      return
    }
    case "expect_update_admin_policy_error":
      await expectError(world, step, at)
      return
    case "acknowledge_outbound":
      await acknowledge(world, step, at)
      return
    case "send_app_message":
      await say(world, world.participant(step.sender), step.payload)
      return
    case "leave":
      await world.want(world.participant(step.client), { type: "leave" })
      return
    case "deliver_all":
      world.transport.deliverAll()
      return
    case "tick":
      for (const client of step.clients) await world.tick(world.participant(client))
      return
    case "advance_time":
      world.virtual = true
      world.now += step.delta_ms
      return
    case "await_quiescence":
      await awaitQuiescence(world, step.policy)
      return
    case "observe":
    case "observe_exact":
      for (const label of step.clients) {
        const client = world.participant(label)
        world.trace.observations.push(observe(world, client, step.type === "observe_exact"))
      }
      return
    case "probe_bidirectional_decryptability":
      await probe(world, step.clients)
      return
    case "observe_admin_policy":
      for (const client of step.clients) {
        const { admins } = readableFacts(world.participant(client).group)
        world.trace.admin_policies.push({ client, admins: world.labelsOf(admins) })
      }
      return
    case "clear_events":
      for (const client of step.clients) world.participant(client).window.clear()
      return
    case "restart_client":
      world.participant(step.client).restart()
      return
    case "barrier":
      return
    case "assert":
      await check(world, step.assertion)
      return
    default:
      disturb(world, step)
  }
}

type Disturbance = Extract<
  PlainStep,
  {
    readonly type:
      | "omit_message"
      | "duplicate_message"
      | "withhold_message"
      | "release_withheld"
      | "reorder_messages"
      | "set_partition"
      | "clear_partition"
      | "set_client_offline"
      | "reconnect_client"
      | "sync_relay_history"
      | "configure_relay"
      | "set_relay_event_visibility"
      | "reconcile_relay_histories"
      | "crash_process"
      | "restart_process"
      | "inject_storage_fault"
      | "clear_storage_fault"
  }
>

/** What the transport does to packets. */
function disturb(world: World, step: Disturbance): void {
  switch (step.type) {
    case "omit_message":
      return busOf(world).omit(step.selector)
    case "duplicate_message":
      return busOf(world).duplicate(step.selector)
    case "withhold_message":
      return busOf(world).withhold(step.selector, step.label)
    case "release_withheld":
      return busOf(world).release(step.label)
    case "reorder_messages":
      return busOf(world).reorder(step.order)
    case "set_partition":
      return busOf(world).setPartition(step.allow)
    case "clear_partition":
      return busOf(world).setPartition(undefined)
    case "set_client_offline":
      return relaysOf(world).setOnline(step.client, false)
    case "reconnect_client":
      return relaysOf(world).setOnline(step.client, true)
    case "sync_relay_history":
      for (const client of step.clients) relaysOf(world).sync(client, step.sync)
      return
    case "configure_relay":
      return relaysOf(world).configure(step.relay, step.order, step.duplicate_copies)
    case "set_relay_event_visibility":
      return relaysOf(world).setVisible(step.relay, step.selector, step)
    case "reconcile_relay_histories":
      return relaysOf(world).reconcile(step.relays)
    case "crash_process":
    case "restart_process":
    case "inject_storage_fault":
    case "clear_storage_fault":
      throw new StepFailure("unsupported_step", `${step.type} is not run by this adapter`)
  }
}

async function expectError(
  world: World,
  step: PlainStep & { readonly type: "expect_update_admin_policy_error" },
  at: number,
): Promise<void> {
  const { client, error } = step
  try {
    const admins = world.accountsOf(step.admins)
    await world.want(world.participant(client), { type: "update", admins })
  } catch (failure) {
    if (!(failure instanceof StepFailure) || failure.code !== error) throw failure
    const operation = "update_admin_policy"
    world.trace.errors.push({ step_index: at, client, operation, error })
    return
  }
  throw new StepFailure("unexpected_success", `the change succeeded; expected ${error}`)
}

function busOf(world: World): PacketBus {
  if (world.bus !== undefined) return world.bus
  throw new StepFailure("unsupported_step", "retained relays have no packet queue")
}

function relaysOf(world: World): RelayHistories {
  if (world.relays !== undefined) return world.relays
  throw new StepFailure("unsupported_step", "the packet bus has no relays")
}
