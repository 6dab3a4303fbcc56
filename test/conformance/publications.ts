// Scenario IR, acknowledge_outbound: what became of what a client published.

import type { PlainStep } from "./scenario.ts"
import { StepFailure } from "./packet.ts"
import type { Publication, World } from "./world.ts"

type Acknowledgement = PlainStep & { readonly type: "acknowledge_outbound" }

/** Answers all that `step` names; Welcomes that only the answer sets free are answered with it. */
export async function acknowledge(world: World, step: Acknowledgement, at: number): Promise<void> {
  const { publication, outcome } = step
  const client = world.participant(step.client)
  const named = (each: Publication) =>
    each.client === client &&
    (publication === undefined || each.packet.publication === publication) &&
    selects(step.selection ?? "all", each)
  const known = world.publications.filter(named)
  if (publication !== undefined && known.length === 0) {
    throw new StepFailure("publication_not_found", `${step.client} published no ${publication}`)
  }
  if (outcome === "reached_no_endpoint" && known.some((each) => each.resolution === "accepted")) {
    throw new StepFailure("publication_rollback_rejected", "it was accepted already")
  }
  for (;;) {
    const open = world.publications.filter((each) => named(each) && each.resolution === undefined)
    if (open.length === 0) break
    for (const each of open) await resolve(world, each, outcome)
  }
  if (publication === undefined) return
  world.trace.pending_resolutions.push({
    step_index: at,
    client: step.client,
    pending: publication,
    resolution: outcome === "accepted" ? "confirmed" : "rolled_back",
  })
}

/** Everything that nobody has answered is accepted; how many there were. */
export async function acceptAll(world: World): Promise<number> {
  const open = world.publications.filter((each) => each.resolution === undefined)
  for (const each of open) await resolve(world, each, "accepted")
  return open.length
}

async function resolve(
  world: World,
  publication: Publication,
  outcome: "accepted" | "reached_no_endpoint",
): Promise<void> {
  const { packet, client, groupId } = publication
  if (outcome === "accepted") world.transport.accept(packet)
  else world.transport.retract(packet)
  publication.resolution = outcome
  if (packet.content.kind === "welcome") return
  const answer = outcome === "accepted" ? "accepted" : "rejected"
  await client.published(groupId, packet.content.event.id, answer)
  await releaseWelcomes(world, publication)
  await world.collect(client)
}

/** Our Welcomes wait a moment for rivals; the suite expects them together with their Commit. */
async function releaseWelcomes(world: World, { client, groupId }: Publication): Promise<void> {
  const group = client.groups.get(groupId)
  if (world.virtual || group === undefined || group.pass !== undefined) return
  const due = group.welcomes.map((welcome) => welcome.notBefore)
  if (due.length === 0) return
  world.now = Math.max(world.now, ...due)
  await client.tick()
}

function selects(selection: Acknowledgement["selection"], { packet }: Publication): boolean {
  const { kind } = packet.content
  switch (selection) {
    case "welcome":
      return kind === "welcome"
    case "group_message":
      return kind !== "welcome"
    case "state_confirmation":
      return kind === "commit"
    case "regenerated_queued_intent":
      return false
    case "all":
    case undefined:
      return true
  }
}
