// Scenario IR, observe steps: looking at clients, and at whether they can read each other.

import { chatEvent } from "../../src/marmot/app-event.ts"
import { summary } from "../../src/marmot/group-view.ts"
import { StepFailure } from "./packet.ts"
import type { Participant } from "./participant.ts"
import { canonicalSnapshot, deferredInputs, pendingWork, readableFacts } from "./snapshot.ts"
import type { ClientObservation, ExactObservation } from "./trace.ts"
import type { World } from "./world.ts"

/** What `client` saw since the last look, and how its group is now. */
export function observe(world: World, client: Participant, exact: boolean): ClientObservation {
  const { window, group } = client
  const { name, description, leaves } = readableFacts(group)
  const observation: ClientObservation = {
    client: client.label,
    epoch: summary(group).epoch,
    member_count: leaves.length,
    group_name: name,
    group_description: description,
    event_counts: {
      message_received: window.payloads.length,
      member_added: window.added.length,
      member_removed: window.removed.length,
      epoch_changed: window.epochChanges.length,
      app_invalidated: window.withdrawn,
    },
    received_payloads: [...window.payloads],
    added_members: world.labelsOf(window.added),
    removed_members: world.labelsOf(window.removed),
    epoch_changes: [...window.epochChanges],
    decisions: [...window.decisions],
    exact: exact ? exactly(world, client) : undefined,
  }
  window.clear()
  return observation
}

export function exactly(world: World, client: Participant): ExactObservation {
  const { queued, delayed, mailboxes } = world.transport.underWay(client.label)
  const transport = queued + delayed + mailboxes === 0 ? [] : ["packets under way"]
  return {
    canonical: canonicalSnapshot(client.crypto, client.group),
    pendingWork: [...pendingWork(client.group), ...transport],
    deferredInputs: deferredInputs(client.group),
  }
}

/** Each of `labels` sends a message; the trace says who received whose. */
export async function probe(world: World, labels: readonly string[], at: number): Promise<void> {
  if (labels.length < 2 || new Set(labels).size !== labels.length) {
    throw new StepFailure("invalid_probe_clients", "a probe needs two clients or more, each once")
  }
  const payloadOf = (sender: string) => `cgka-decryptability-probe/v1/${at}/${sender}`
  const first = world.publications.length
  for (const sender of labels) await say(world, world.participant(sender), payloadOf(sender))
  for (const sent of world.publications.slice(first)) {
    world.transport.accept(sent.packet)
    sent.resolution = "accepted"
  }
  world.transport.deliverAll()
  for (const client of world.participants) await world.tick(client)
  const arrived = new Set<string>()
  for (const recipient of labels) {
    const { payloads } = world.participant(recipient).window
    for (const sender of labels) {
      const times = payloads.filter((payload) => payload === payloadOf(sender)).length
      if (times === 1) arrived.add(`${sender} ${recipient}`)
    }
  }
  world.trace.probes.push({ clients: [...labels], arrived })
}

/** A chat message. Nobody's messages are alike, so that each has an id of its own. */
export async function say(world: World, client: Participant, content: string): Promise<void> {
  const event = chatEvent({
    pubkey: client.device.pubkey,
    createdAt: world.seconds,
    content,
    tags: [["nonce", `${world.publications.length}`]],
  })
  await world.want(client, { type: "send", event })
}
