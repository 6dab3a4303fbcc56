// Scenario IR, create_group: founding a group of the current profile as the suite's profile would.

import { StepFailure } from "./packet.ts"
import type { PlainStep, Step } from "./scenario.ts"
import type { World } from "./world.ts"

type Create = PlainStep & { readonly type: "create_group" }

const RELAYS = ["wss://group.example"]

/** What a scenario may demand of a group's members: that is all that the suite knows, and every client of ours can it. */
const FEATURES = ["self-remove"]

/** The MLS group id, hex. Throws `StepFailure` `unknown_required_feature`. */
export async function createGroup(world: World, step: Create): Promise<string> {
  const unknown = step.required_features?.find((name) => !FEATURES.includes(name))
  if (unknown !== undefined) {
    throw new StepFailure("unknown_required_feature", `nobody knows the feature ${unknown}`)
  }
  const creator = world.participant(step.creator)
  const invitees = []
  for (const each of step.invitees) invitees.push(await world.participant(each).invitee())
  const admins = world.accountsOf(step.initial_admins ?? laterAdmins(world, step))
  const intentId = world.intentId(creator, step.pending)
  const group = { name: step.name, description: "", relays: RELAYS }
  if (reachesNobody(world, step)) {
    // The current profile never takes a founding back (group-setup): what can fail is an invitation after it.
    await creator.create({ ...group, invitees: [] }, intentId)
    await world.want(creator, { type: "invite", invitees }, step.pending)
  } else {
    await creator.create({ ...group, invitees, admins }, intentId)
    await world.collect(creator)
  }
  return creator.group.groupId
}

/** Invitees who will do what only admins do, where the scenario names none. */
function laterAdmins(world: World, step: Create): string[] {
  const { steps } = world.scenario
  const index = steps.findIndex((each) => plain(each) === step)
  const actors = steps.slice(index + 1).flatMap((each) => actorOf(plain(each)) ?? [])
  return step.invitees.filter((invitee) => actors.includes(invitee))
}

function actorOf(step: PlainStep): string | undefined {
  switch (step.type) {
    case "invite_members":
      return step.inviter
    case "update_group_data":
    case "update_group_profile":
    case "update_admin_policy":
      return step.client
    default:
      return undefined
  }
}

function reachesNobody(world: World, step: Create): boolean {
  return world.scenario.steps
    .map(plain)
    .some(
      (each) =>
        each.type === "acknowledge_outbound" &&
        each.client === step.creator &&
        each.publication === step.pending &&
        each.outcome === "reached_no_endpoint",
    )
}

function plain(step: Step): PlainStep {
  return step.type === "in_group" ? step.action : step
}
