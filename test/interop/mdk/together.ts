// What must hold between members after each step, whatever they run on.

import type { GroupFacts, Member, Said } from "./member.ts"
import { equal, eventually } from "./report.ts"

/** Waits until all have the same name, epoch, members and admins, and answers them. */
export async function agree(
  groupId: string,
  members: readonly Member[],
  expected: Partial<GroupFacts> = {},
  atLeastMs = 0,
): Promise<GroupFacts> {
  return eventually(async () => {
    const all = await Promise.all(members.map((member) => member.facts(groupId)))
    const [first, ...rest] = all
    if (first === undefined) throw new Error("nobody to ask")
    for (const [at, facts] of rest.entries()) {
      equal(facts, first, `${members[at + 1]?.name} and ${members[0]?.name} differ`)
    }
    equal({ ...first, ...expected }, first, "the group is not as expected")
    return first
  }, atLeastMs)
}

/** Each says something, and each of them reads it: they are in one epoch with one secret. */
export async function talk(groupId: string, members: readonly Member[], topic: string) {
  const texts = members.map(({ name }) => `${topic}: ${name}`)
  await Promise.all(members.map((member, at) => member.send(groupId, texts[at] ?? "")))
  for (const text of texts) await heard(groupId, members, text)
}

/** The one message with this text, once all members show it exactly once and alike. */
export async function heard(
  groupId: string,
  members: readonly Member[],
  text: string,
): Promise<Said> {
  return shown(groupId, members, (said) => said.text === text, text)
}

/** The one message with this id, once all members show it as `expected`. */
export async function seen(
  groupId: string,
  members: readonly Member[],
  expected: Partial<Said> & { readonly messageId: string },
): Promise<Said> {
  const { messageId } = expected
  return shown(groupId, members, (said) => said.messageId === messageId, messageId, expected)
}

async function shown(
  groupId: string,
  members: readonly Member[],
  isIt: (said: Said) => boolean,
  what: string,
  expected: Partial<Said> = {},
): Promise<Said> {
  return eventually(async () => {
    const lists = await Promise.all(members.map((member) => member.said(groupId)))
    const found = lists.map((list) => list.filter(isIt))
    for (const [at, each] of found.entries()) {
      equal(each.length, 1, `how often ${members[at]?.name} has "${what}"`)
      equal(each[0], found[0]?.[0], `"${what}" at ${members[at]?.name} and ${members[0]?.name}`)
    }
    const said = found[0]?.[0]
    if (said === undefined) throw new Error(`nobody has "${what}"`)
    equal({ ...said, ...expected }, said, `"${what}"`)
    return said
  })
}

/** All show the same messages with the same decorations, whatever their order. */
export async function sameHistory(groupId: string, members: readonly Member[]): Promise<void> {
  await eventually(async () => {
    const lists = await Promise.all(members.map((member) => member.said(groupId)))
    const ordered = lists.map((list) =>
      [...list].sort((a, b) => a.messageId.localeCompare(b.messageId)),
    )
    for (const [at, list] of ordered.entries()) {
      equal(list, ordered[0], `the histories of ${members[at]?.name} and ${members[0]?.name}`)
    }
  })
}
