// Scenario IR, steps: each in terms of clients, transport and time.

import { check } from "./assertions.ts"
import { createGroup } from "./create.ts"
import { disturb } from "./disturb.ts"
import { observe, probe, say } from "./observe.ts"
import { StepFailure } from "./packet.ts"
import { awaitQuiescence } from "./progress.ts"
import { acknowledge } from "./publications.ts"
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
      await probe(world, step.clients, at)
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
