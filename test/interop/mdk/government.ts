// What admins do, and new keys of each.

import type { Scene } from "./cast.ts"
import { eventually } from "./report.ts"
import { agree, talk } from "./together.ts"

/** MDK waits for quiet and some jitter, about 100 s, before it publishes an Update it was asked for. */
const KEYS_PATIENCE_MS = 300_000

export async function government({ cast, groupId, step }: Scene): Promise<void> {
  const { founder, friend } = cast
  const two = [founder, friend]
  const both = [founder.pubkey, friend.pubkey].sort()
  for (const member of two) {
    await step(`${member.name} renames`, async () => {
      await member.rename(groupId, `Named by ${member.name}`)
      await agree(groupId, two, { name: `Named by ${member.name}` })
      await talk(groupId, two, `named by ${member.name}`)
    })
  }
  for (const [admin, other] of [
    [founder, friend],
    [friend, founder],
  ] as const) {
    await step(`${admin.name} takes ${other.name} out of the admins and in again`, async () => {
      await admin.demote(groupId, other)
      await agree(groupId, two, { admins: [admin.pubkey] })
      await admin.promote(groupId, other)
      await agree(groupId, two, { admins: both })
    })
  }
  for (const member of two) {
    await step(`${member.name} changes its own keys`, async () => {
      const { epoch } = await agree(groupId, two)
      await member.selfUpdate(groupId)
      await eventually(async () => {
        const facts = await agree(groupId, two)
        if (facts.epoch <= epoch) throw new Error(`still epoch ${facts.epoch}`)
      }, KEYS_PATIENCE_MS)
      await talk(groupId, two, `new keys of ${member.name}`)
    })
  }
}
