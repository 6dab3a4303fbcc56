// Members that stop, or are killed, and come back.

import { setTimeout as sleep } from "node:timers/promises"
import { everybody } from "./cast.ts"
import type { Scene } from "./cast.ts"
import type { Member } from "./member.ts"
import { agree, heard, talk } from "./together.ts"

export async function absence(scene: Scene): Promise<void> {
  const { founder, friend } = scene.cast
  for (const member of [friend, founder]) {
    for (const how of ["stop", "kill"] as const) {
      await scene.step(`${member.name} is away (${how}), and back`, () => away(scene, member, how))
    }
  }
  for (const member of [friend, founder]) {
    for (const afterMs of [50, 400, 1500]) {
      await scene.step(`${member.name} is killed ${afterMs} ms after it began to rename`, () =>
        killedWhileCommitting(scene, member, afterMs),
      )
    }
  }
}

/** Two epochs pass without the member, with messages of all others in each. */
async function away({ cast, groupId }: Scene, member: Member, how: "stop" | "kill") {
  const all = everybody(cast)
  const rest = all.filter((each) => each !== member)
  const admin = member === cast.founder ? cast.friend : cast.founder
  const absent = `without ${member.name} (${how})`
  await member[how]()
  await talk(groupId, rest, absent)
  await admin.rename(groupId, `Later, ${absent}`)
  await agree(groupId, rest, { name: `Later, ${absent}` })
  await talk(groupId, rest, `later, ${absent}`)
  await member.start()
  await agree(groupId, all, { name: `Later, ${absent}` })
  for (const { name } of rest) await heard(groupId, all, `${absent}: ${name}`)
  for (const { name } of rest) await heard(groupId, all, `later, ${absent}: ${name}`)
  await talk(groupId, all, `${member.name} is back (${how})`)
}

/** Whether the new name came to be is open; that all have the same one is not. */
async function killedWhileCommitting({ cast, groupId }: Scene, member: Member, afterMs: number) {
  const all = everybody(cast)
  const going = member.rename(groupId, `Killed after ${afterMs} ms`).catch(() => undefined)
  await sleep(afterMs)
  await member.kill()
  await going
  await member.start()
  await agree(groupId, all)
  await talk(groupId, all, `${member.name} was killed after ${afterMs} ms`)
}
