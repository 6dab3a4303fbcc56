// One group from its creation to its members' leaving, with each part played by either implementation.

import { departure } from "./departure.ts"
import { absence } from "./absence.ts"
import { everybody } from "./cast.ts"
import type { Cast, Scene } from "./cast.ts"
import { everyday } from "./everyday.ts"
import { government } from "./government.ts"
import { equal } from "./report.ts"
import type { Report } from "./report.ts"
import { rivalry } from "./rivalry.ts"
import { ending, settings } from "./settings.ts"
import { agree, talk } from "./together.ts"

/** In this order; each can be left out, and the ending needs that there is no departure. */
export const PARTS = [
  "everyday",
  "government",
  "absence",
  "rivalry",
  "settings",
  "departure",
  "ending",
] as const

interface Telling {
  readonly report: Report
  readonly title: string
  readonly parts: ReadonlySet<string>
  readonly scratch: string
  readonly relays: readonly [string, string]
}

/** Told as by people who wait for each other, but where a part says otherwise. */
export async function tellStory(
  { report, title, parts, scratch, relays }: Telling,
  cast: Cast,
): Promise<void> {
  const { founder, friend, third, fourth } = cast
  const step = (name: string, run: () => Promise<void>) => report.step(title, name, run)
  let groupId = ""
  await step(`${founder.name} creates the group and invites ${friend.name}`, async () => {
    groupId = await founder.createGroup("Interop", [friend])
    await friend.accept(groupId)
    const { members } = await agree(groupId, [founder, friend], { name: "Interop" })
    equal(members, [founder.pubkey, friend.pubkey].sort(), "members")
  })
  if (groupId === "") return
  const scene: Scene = { cast, groupId, relays, scratch, step }
  await step("messages both ways", () => talk(groupId, [founder, friend], "hello"))
  if (parts.has("everyday")) await everyday(scene)
  await step(`${founder.name} makes ${friend.name} an admin, who renames`, async () => {
    await founder.promote(groupId, friend)
    const admins = [founder.pubkey, friend.pubkey].sort()
    await agree(groupId, [founder, friend], { admins })
    await friend.rename(groupId, "Renamed by the friend")
    await agree(groupId, [founder, friend], { name: "Renamed by the friend" })
  })
  if (parts.has("government")) await government(scene)
  await step(`${founder.name} adds ${third.name}`, async () => {
    await founder.invite(groupId, [third])
    await third.accept(groupId)
    await agree(groupId, [founder, friend, third])
    await talk(groupId, [founder, friend, third], "three")
  })
  await step(`${friend.name} adds ${fourth.name}`, async () => {
    await friend.invite(groupId, [fourth])
    await fourth.accept(groupId)
    await agree(groupId, everybody(cast))
    await talk(groupId, everybody(cast), "four")
  })
  if (parts.has("absence")) await absence(scene)
  if (parts.has("rivalry")) await rivalry(scene)
  if (parts.has("settings")) await settings(scene)
  if (parts.has("departure")) await departure(scene)
  // After a departure, the founder is gone.
  else if (parts.has("ending")) await ending(scene)
}
