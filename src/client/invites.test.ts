import { expect, test } from "vitest"
import type { GroupSummary } from "../marmot/engine-types.ts"
import { openMemoryStore } from "../store/index.ts"
import { Draft } from "./draft.ts"
import { Invites, inviteIdOf, mayReplace, mayReplaceLater } from "./invites.ts"

function invitation(number: number, inviter: string) {
  const welcome = new TextEncoder().encode(`welcome ${number}`)
  const people = { inviter, members: [inviter], admins: [inviter] }
  const preview = { groupId: `${number}`, name: "", description: "", relays: [], ...people }
  return { welcome, keyPackageRef: "", preview, epoch: 1, sentAt: 0 }
}

test("a flood of invitations ends, one person's before everyone's", () => {
  const invites = new Invites()
  const draft = new Draft(0)
  let total = 0
  const flood = (inviter: string) => {
    while (invites.hasRoom(draft, inviter)) invites.add(draft, invitation(total++, inviter))
  }
  flood("mallory")
  expect(total).toBe(16)
  expect(invites.hasRoom(draft, "alice")).toBe(true)
  for (let i = 0; i < 100; i++) flood(`m${i}`)
  expect(total).toBe(128)
  expect(invites.hasRoom(draft, "alice")).toBe(false)
  draft.settle()
  const [one] = invites.open()
  invites.decide(draft, one?.inviteId ?? "", "declined")
  expect(invites.hasRoom(draft, "alice")).toBe(true)
})

test("a live copy gives way only to an admin that it knows: to a later epoch, or once it is lost", () => {
  const held = (standing: GroupSummary["standing"], seemsStranded = false) =>
    ({
      standing,
      epoch: 5,
      members: ["ada", "me"],
      admins: ["ada"],
      seemsStranded,
      hearsOthers: true,
    }) as unknown as GroupSummary
  const by = (inviter: string, epoch: number, isNewer = false) => ({ inviter, epoch, isNewer })
  for (const standing of ["active", "leaving"] as const) {
    expect(mayReplace(held(standing), by("ada", 6))).toBe(true)
    expect(mayReplace(held(standing), by("ada", 5))).toBe(false)
    expect(mayReplace(held(standing), by("ada", 5, true))).toBe(false)
    expect(mayReplace(held(standing, true), by("ada", 5))).toBe(false)
    expect(mayReplace(held(standing, true), by("ada", 3, true))).toBe(true)
    expect(mayReplace(held(standing, true), by("mallory", 6, true))).toBe(false)
    expect(mayReplace({ ...held(standing), hearsOthers: false }, by("ada", 3, true))).toBe(true)
    expect(mayReplaceLater(held(standing), by("ada", 3, true))).toBe(true)
    expect(mayReplaceLater(held(standing), by("ada", 5))).toBe(false)
  }
  for (const standing of ["removed", "left", "unrecoverable"] as const) {
    expect(mayReplace(held(standing), by("mallory", 1))).toBe(true)
  }
  expect(mayReplace(held("disbanded"), by("ada", 6))).toBe(false)
})

test("a copy in which nobody else is left gives way to anyone's newer invitation", () => {
  const held = { standing: "active", epoch: 5, members: ["me"], admins: ["me"], hearsOthers: true }
  const alone = held as unknown as GroupSummary
  const by = (epoch: number, isNewer: boolean) => ({ inviter: "ada", epoch, isNewer })
  expect(mayReplace(alone, by(6, false))).toBe(true)
  expect(mayReplace(alone, by(4, true))).toBe(true)
  expect(mayReplace(alone, by(4, false))).toBe(false)
  expect(mayReplace({ ...alone, members: ["me", "bob"] }, by(6, true))).toBe(false)
  expect(mayReplace({ ...alone, standing: "disbanded" }, by(6, true))).toBe(false)
})

test("an invitation is newer than the copy if it was sent after the one that was accepted", () => {
  const invites = new Invites()
  const draft = new Draft(0)
  const isNewer = (sentAt: number) => invites.again({ ...invitation(1, "ada"), sentAt }).isNewer
  // Whoever has accepted none has founded the group.
  expect(isNewer(0)).toBe(true)
  const accepted = { ...invitation(1, "ada"), sentAt: 100 }
  invites.add(draft, accepted)
  invites.decide(draft, inviteIdOf(accepted.welcome), "accepted")
  draft.settle()
  expect(isNewer(100)).toBe(false)
  expect(isNewer(101)).toBe(true)
})

test("of an invitation that was answered, what the group is called and who is in it is forgotten", async () => {
  const store = await openMemoryStore()
  const invites = new Invites()
  const { welcome, preview, ...rest } = invitation(1, "ada")
  const secret = { ...preview, name: "Warren", description: "Under the hill", members: ["bo"] }
  const step = async (work: (draft: Draft) => void) => {
    const draft = new Draft(0)
    work(draft)
    await store.batch(draft.ops)
    draft.settle()
  }
  const stored = async () => {
    const rows = await store.range("invites", "self")
    return rows.map(({ value }) => new TextDecoder().decode(value)).join()
  }
  await step((draft) => invites.add(draft, { welcome, preview: secret, ...rest }))
  expect(await stored()).toContain("Warren")
  await step((draft) => invites.decide(draft, inviteIdOf(welcome), "declined"))
  expect(await stored()).not.toMatch(/Warren|Under the hill|"bo"/)
  const again = new Invites()
  await again.load(store)
  expect(again.has(new Draft(0), inviteIdOf(welcome))).toBe(true)
  await store.close()
})
