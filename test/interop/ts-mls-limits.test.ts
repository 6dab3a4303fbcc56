// What ts-mls 2.0.0-rc.10 does otherwise than RFC 9420, which is why the random sessions leave it out. A test that fails
// here with a later version says that docs/interop.md and the sessions can have more.

import { describe, expect, test } from "vitest"
import { MlsError } from "../../src/mls/index.ts"
import { type Member, type Wish, ourMember, peerMember, text } from "./ts-mls-members.fixture.ts"
import { SUITES } from "./ts-mls-session.fixture.ts"

const setting = { ...SUITES[0], backend: "webcrypto" } as const

/** A group of these, each at the leaf of its place: o is ours, t is on ts-mls. The first one creates it. */
async function group(kinds: string): Promise<Member[]> {
  const made = Array.from(kinds).map((kind, i) =>
    kind === "o" ? ourMember(`member ${i}`, setting) : peerMember(`member ${i}`, setting),
  )
  const members = await Promise.all(made)
  const [creator, ...others] = members
  if (creator === undefined) throw new Error("nobody")
  await creator.create(text("limits"))
  const adds = others.map(({ keyPackage }) => ({ kind: "add", keyPackage }) as const)
  const { welcome } = await creator.commit(adds, false)
  if (welcome === undefined) throw new Error("no Welcome")
  for (const member of others) await member.join(welcome)
  return members
}

async function tell(members: readonly Member[], by: Member, wish: Wish): Promise<void> {
  const message = await by.propose(wish, false)
  for (const member of members) if (member !== by) await member.process(message)
}

const remove = (leaf: number) => ({ kind: "remove", leaf }) as const
const extensions = { kind: "extensions", data: "new ones" } as const

async function codeOf(reading: Promise<void>): Promise<string> {
  try {
    await reading
  } catch (error) {
    if (error instanceof MlsError) return error.code
    throw error
  }
  return "accepted"
}

describe("a Commit by ts-mls", () => {
  test.each<[string, readonly Wish[]]>([
    ["one Remove", [remove(2)]],
    ["new extensions", [extensions]],
  ])("of %s has no path, which §12.4 requires", async (_name, wishes) => {
    const [a, t] = await group("oto")
    if (a === undefined || t === undefined) throw new Error("two members")
    expect(await codeOf(a.process((await t.commit(wishes, false)).commit))).toBe("path_missing")
  })

  test("of one Update has no path, which §12.4 requires", async () => {
    const members = await group("oto")
    const [a, t, b] = members
    if (a === undefined || t === undefined || b === undefined) throw new Error("three members")
    await tell(members, b, { kind: "update" })
    expect(await codeOf(a.process((await t.commit([], false)).commit))).toBe("path_missing")
  })

  test("of two Updates has a path for the keys from before them, where §12.4.1 has the tree with all proposals applied", async () => {
    const members = await group("otoo")
    const [a, t, b, c] = members
    if (!a || !t || !b || !c) throw new Error("four members")
    await tell(members, a, { kind: "update" })
    await tell(members, b, { kind: "update" })
    const { commit } = await t.commit([], false)
    expect(await codeOf(c.process(commit))).toBe("accepted")
    expect(c.authenticator()).toBe(t.authenticator())
    expect(await codeOf(a.process(commit))).toBe("aead_failed")
  })

  test("of two Removes and an Add has path secrets for the new leaf too, which §12.4.1 leaves out", async () => {
    const [a, t] = await group("otoo")
    const joiner = await ourMember("joiner", setting)
    if (!a || !t) throw new Error("two members")
    const wishes = [remove(2), remove(3), { kind: "add", keyPackage: joiner.keyPackage } as const]
    expect(await codeOf(a.process((await t.commit(wishes, false)).commit))).toBe("path_ciphertexts")
  })

  test("of two Removes and Adds, one at a new leaf, cannot be made", async () => {
    const [, t] = await group("oto")
    if (!t) throw new Error("two members")
    // Two fill the places of the removed, the third has a new leaf.
    const joiners = await Promise.all([1, 2, 3].map((i) => ourMember(`joiner ${i}`, setting)))
    const adds = joiners.map(({ keyPackage }) => ({ kind: "add", keyPackage }) as const)
    await expect(t.commit([remove(0), remove(2), ...adds], false)).rejects.toThrow(TypeError)
    await expect(t.commit(adds, false)).resolves.toBeDefined()
  })

  test("of two Removes and new extensions has a path for the old ones, where §12.4.1 has the new ones", async () => {
    const [a, t] = await group("otoo")
    if (!a || !t) throw new Error("two members")
    const { commit } = await t.commit([remove(2), remove(3), extensions], false)
    expect(await codeOf(a.process(commit))).toBe("aead_failed")
  })
})

describe("a Commit by ours", () => {
  test("that leaves nobody in the left half of the tree: ts-mls takes the root for the end of the path, which §7.4's filtered path leaves out", async () => {
    const [, , , , a, t, b] = await group("oooooto")
    if (!a || !t || !b) throw new Error("seven members")
    const { commit } = await a.commit([0, 1, 2, 3].map(remove), false)
    await b.process(commit)
    expect(b.authenticator()).toBe(a.authenticator())
    await expect(t.process(commit)).rejects.toThrow("Could not verify confirmation tag")
  })

  test("with an external PSK, in a PrivateMessage: ts-mls does not look for the PSK", async () => {
    const [a, t] = await group("ot")
    if (!a || !t) throw new Error("two members")
    const { commit } = await a.commit([{ kind: "psk", id: "first" }], true)
    await expect(t.process(commit)).rejects.toThrow("Could not find pskId")
  })
})
