import { describe, expect, test } from "vitest"
import type { InviteCheck } from "../../client/api.ts"
import { looksComplete, newAddresses, withChecks } from "./people-input.ts"

const npub = `npub1${"q".repeat(58)}`
const hex = "ab".repeat(32)

function ok(input: string, pubkey: string): InviteCheck {
  return { input, person: { pubkey, npub, name: undefined }, status: "ok", reason: "" }
}

describe("people input", () => {
  test("many addresses pasted at once, each taken once, without the scheme", () => {
    const text = ` ${npub}, nostr:${npub}\n${hex};nprofile1x `
    expect(newAddresses(text, [])).toEqual([npub, hex, "nprofile1x"])
    expect(newAddresses(text, [{ input: hex, check: undefined }])).toEqual([npub, "nprofile1x"])
  })

  test("a whole npub or hex key is complete, a part is not", () => {
    expect(looksComplete(npub)).toBe(true)
    expect(looksComplete(`nostr:${npub}`)).toBe(true)
    expect(looksComplete(hex)).toBe(true)
    expect(looksComplete(npub.slice(0, -1))).toBe(false)
    expect(looksComplete("nprofile1abc")).toBe(false)
  })

  test("results go to their inputs and a missing answer is said", () => {
    const list = [npub, "x", "y"].map((input) => ({ input, check: undefined }))
    const checked = withChecks(list, [npub, "x"], [ok(npub, hex)])
    expect(checked.map(({ check }) => check?.status)).toEqual(["ok", "unreachable", undefined])
  })

  test("one person written in two ways stays once", () => {
    const list = [npub, hex].map((input) => ({ input, check: undefined }))
    expect(withChecks(list, [npub, hex], [ok(npub, hex), ok(hex, hex)])).toEqual([
      { input: npub, check: ok(npub, hex) },
    ])
  })
})
