// Addresses of people as typed or pasted, and what is known about each.
import type { InviteCheck } from "../../client/api.ts"
import { strings } from "../strings.ts"

export interface Invitee {
  readonly input: string
  /** Undefined while it is being looked up. */
  readonly check: InviteCheck | undefined
}

/** What is complete enough to be taken without pressing Enter. */
export function looksComplete(text: string): boolean {
  return /^(?:nostr:)?(?:npub1[02-9ac-hj-np-z]{58}|[0-9a-f]{64})$/i.test(text.trim())
}

/** The addresses in the text that are not in the list yet, each once. */
export function newAddresses(text: string, list: readonly Invitee[]): readonly string[] {
  const known = new Set(list.map((invitee) => invitee.input))
  const parts = text.split(/[\s,;]+/u).map((part) => part.replace(/^nostr:/i, ""))
  return [...new Set(parts)].filter((part) => part !== "" && !known.has(part))
}

/** Fills in results; the same person written in two ways stays once. */
export function withChecks(
  list: readonly Invitee[],
  asked: readonly string[],
  checks: readonly InviteCheck[],
): readonly Invitee[] {
  const answers = new Map(checks.map((check) => [check.input, check]))
  const open = new Set(asked)
  const seen = new Set<string>()
  return list
    .map((one) =>
      open.has(one.input)
        ? { ...one, check: answers.get(one.input) ?? unanswered(one.input) }
        : one,
    )
    .filter(({ check }) => {
      const pubkey = check?.person?.pubkey
      if (pubkey === undefined) return true
      if (seen.has(pubkey)) return false
      seen.add(pubkey)
      return true
    })
}

export function unanswered(input: string, reason: string = strings.people.unanswered): InviteCheck {
  return { input, person: undefined, status: "unreachable", reason }
}
