// Both admins commit at once.

import { everybody } from "./cast.ts"
import type { Scene } from "./cast.ts"
import { agree, heard, talk } from "./together.ts"

export async function rivalry({ cast, groupId, step }: Scene): Promise<void> {
  const { founder, friend } = cast
  const all = everybody(cast)
  for (const round of [1, 2, 3, 4]) {
    await step(`both admins rename at once, round ${round}`, async () => {
      // The one whose change lost may be told so.
      await Promise.allSettled([
        founder.rename(groupId, `Rivals ${round} of ${founder.name}`),
        friend.rename(groupId, `Rivals ${round} of ${friend.name}`),
      ])
      const { name } = await agree(groupId, all)
      if (!name.startsWith(`Rivals ${round} `)) throw new Error(`the name is "${name}"`)
      await talk(groupId, all, `after rivals ${round}`)
    })
  }
  for (const [renaming, updating] of [
    [founder, friend],
    [friend, founder],
  ] as const) {
    const title = `${renaming.name} renames while ${updating.name} changes its keys and all talk`
    await step(title, async () => {
      const text = (at: number) => `while ${renaming.name} renames ${at}`
      const talking = all.map((member, at) => member.send(groupId, text(at)))
      await Promise.allSettled([
        renaming.rename(groupId, `At once, ${renaming.name}`),
        updating.selfUpdate(groupId),
        ...talking,
      ])
      await agree(groupId, all)
      for (const at of all.keys()) await heard(groupId, all, text(at))
      await talk(groupId, all, `after ${renaming.name} renamed`)
    })
  }
}
