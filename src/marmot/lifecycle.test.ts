import { describe, expect, test } from "vitest"
import type { Lifecycle } from "./engine-types.ts"
import { convergenceStatus, transition } from "./lifecycle.ts"

const all = [
  "stable",
  "pendingPublish",
  "merging",
  "recovering",
  "unrecoverable",
  "disbanded",
] as const satisfies readonly Lifecycle[]

/** Behaviour §1.1, restated. */
const legal = new Set([
  "stable pendingPublish",
  "stable recovering",
  "stable unrecoverable",
  "pendingPublish merging",
  "pendingPublish stable",
  "pendingPublish unrecoverable",
  "merging stable",
  "merging unrecoverable",
  "recovering stable",
  "recovering disbanded",
  "recovering unrecoverable",
])

describe("the lifecycle", () => {
  test.each(all.flatMap((from) => all.map((to) => [from, to] as const)))("%s to %s", (from, to) => {
    if (from === to || legal.has(`${from} ${to}`)) expect(transition(from, to)).toBe(to)
    else expect(() => transition(from, to)).toThrow(`a group goes from ${from} to ${to}`)
  })
})

describe("the status", () => {
  const pass = { baseEpoch: 3, quietDeadline: 2000, absoluteDeadline: 6000 }
  test.each([
    ["stable", undefined, "settled"],
    ["stable", pass, "syncing"],
    ["recovering", pass, "syncing"],
    ["pendingPublish", undefined, undefined],
    ["merging", undefined, undefined],
    ["unrecoverable", undefined, "blocked"],
    ["disbanded", undefined, "settled"],
  ] as const)("of %s, pass %o: %s", (lifecycle, open, status) => {
    expect(convergenceStatus({ lifecycle, pass: open }, 1500)).toBe(status)
  })

  test("is resolving from the cutoff on, and when the clock was set back", () => {
    expect(convergenceStatus({ lifecycle: "stable", pass }, 2000)).toBe("resolving")
    expect(convergenceStatus({ lifecycle: "recovering", pass }, 9000)).toBe("resolving")
    expect(convergenceStatus({ lifecycle: "stable", pass }, -10_000)).toBe("resolving")
  })
})
