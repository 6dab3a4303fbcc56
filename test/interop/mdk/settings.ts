// Disappearing messages, another address, other relays, and the end: changed on ours, followed by MDK.

import { everybody } from "./cast.ts"
import type { Scene } from "./cast.ts"
import type { Member } from "./member.ts"
import { equal, eventually, NotPossible } from "./report.ts"
import { agree, heard, talk } from "./together.ts"

/** Longer than a conversation takes on a slow machine. */
const RETENTION_SECONDS = 90

/** What the founder changes, all follow. */
export async function settings({ cast, groupId, relays, step }: Scene): Promise<void> {
  const { founder } = cast
  const members = everybody(cast)
  const [first, second] = relays
  const change = async (to: Parameters<Member["change"]>[1]) => {
    if (founder.software !== "burrow") throw new NotPossible("this wn has no command for it")
    const { epoch } = await agree(groupId, members)
    await founder.change(groupId, to)
    await eventually(async () => {
      const facts = await agree(groupId, members)
      if (facts.epoch <= epoch) throw new Error(`still epoch ${facts.epoch}`)
    })
  }
  await step(`${founder.name} makes messages disappear; those of both do, at both`, async () => {
    await change({ retentionSeconds: RETENTION_SECONDS })
    await talk(groupId, members, "soon gone")
    await new Promise((resolve) => setTimeout(resolve, RETENTION_SECONDS * 1000))
    // MDK deletes what has had its time when something else happens in the group, and not before.
    await talk(groupId, members, "still here")
    await eventually(async () => {
      for (const member of members) {
        const left = (await member.said(groupId)).filter(
          ({ text, deleted }) => text.startsWith("soon gone") && !deleted,
        )
        equal(left, [], `what ${member.name} still shows`)
      }
    })
  })
  await step(`${founder.name} lets messages stay`, async () => {
    await change({ retentionSeconds: 0 })
    await talk(groupId, members, "here to stay")
    await new Promise((resolve) => setTimeout(resolve, (RETENTION_SECONDS + 5) * 1000))
    for (const member of members) await heard(groupId, members, `here to stay: ${member.name}`)
  })
  await step(`${founder.name} makes a new address`, async () => {
    await change({ newAddress: true })
    await talk(groupId, members, "another address")
  })
  await step(`${founder.name} adds a relay`, async () => {
    await change({ relays: [first, second] })
    await onRelays(groupId, members, [first, second])
    await talk(groupId, members, "two relays")
  })
  await step(`${founder.name} leaves the first relay`, async () => {
    await change({ relays: [second] })
    await onRelays(groupId, members, [second])
    await talk(groupId, members, "the other relay")
  })
}

/** Nobody can say anything afterwards. */
export async function ending({ cast, groupId, step }: Scene): Promise<void> {
  const { founder } = cast
  const members = everybody(cast)
  await step(`${founder.name} ends the group`, async () => {
    await agree(groupId, members)
    await founder.disband(groupId)
    await eventually(async () => {
      for (const member of members) {
        const sent = await member.send(groupId, "into the void").then(
          () => "sent",
          () => "refused",
        )
        equal(sent, "refused", `what ${member.name} says after the end`)
      }
    })
  })
}

async function onRelays(groupId: string, members: readonly Member[], expected: readonly string[]) {
  await eventually(async () => {
    for (const member of members) {
      equal(await member.relays(groupId), [...expected].sort(), `the relays of ${member.name}`)
    }
  })
}
