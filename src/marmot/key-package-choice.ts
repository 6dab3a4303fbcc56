// Marmot KeyPackages (marmot-wire §5, §7.6): which one of a person's a group takes, and why none, in words.

import { type MlsCrypto, MlsError } from "../mls/index.ts"
import { bytesToHex, type NostrEvent } from "../nostr/event.ts"
import { type GroupRequirements, newGroupRequirements, without } from "./capabilities.ts"
import type { Invitee } from "./engine-types.ts"
import { MarmotError, type MarmotErrorCode } from "./error.ts"
import { featureWords } from "./features.ts"
import {
  checkKeyPackageEvent,
  type CheckedKeyPackage,
  IncompatibleKeyPackage,
} from "./key-package-event.ts"

/** An event that is dated later than this from now is not looked at (seconds): a clock is wrong, or someone lies. */
export const MAX_FUTURE_SKEW = 300

export type KeyPackageChoice =
  | {
      readonly ok: true
      readonly invitee: Invitee
      /** 64 hex. */
      readonly ref: string
      /** May serve several invitations. */
      readonly lastResort: boolean
    }
  | {
      readonly ok: false
      readonly status: "no_key_package" | "incompatible" | "expired" | "used"
      /** A sentence for the user. */
      readonly reason: string
      /** Where the person's app lacks something: what the group requires, and what the app has. */
      readonly lacking:
        { readonly required: GroupRequirements; readonly had: GroupRequirements } | undefined
    }

export interface KeyPackageQuestion {
  /** 64 hex. */
  readonly pubkey: string
  /** Milliseconds. */
  readonly now: number
  /** Of the group that the person is to be added to; of a new one if absent. */
  readonly requirements?: GroupRequirements
  /** References (64 hex) of packages for one use that we have used. */
  readonly used?: ReadonlySet<string>
}

/**
 * The KeyPackage of `pubkey` to invite with, among verified kind 30443 events of all the person's devices. Bad ones
 * are skipped; of good ones those for one use come first, then the freshest, then the lower reference (§5).
 */
export async function chooseKeyPackage(
  crypto: MlsCrypto,
  events: readonly NostrEvent[],
  question: KeyPackageQuestion,
): Promise<KeyPackageChoice> {
  const { pubkey, now, requirements = newGroupRequirements, used } = question
  const latest = Math.floor(now / 1000) + MAX_FUTURE_SKEW
  const theirs = events.filter((event) => event.pubkey === pubkey)
  const present = theirs.filter((event) => event.created_at <= latest)
  const usable: CheckedKeyPackage[] = []
  const problems: unknown[] = []
  for (const event of newestOfSlots(present)) {
    try {
      usable.push(await checkKeyPackageEvent(crypto, event, now, requirements))
    } catch (error) {
      if (!(error instanceof MarmotError) && !(error instanceof MlsError)) throw error
      problems.push(error)
    }
  }
  const left = usable.filter(({ ref, lastResort }) => lastResort || !used?.has(bytesToHex(ref)))
  const [best] = left.sort(
    (a, b) =>
      Number(a.lastResort) - Number(b.lastResort) ||
      b.createdAt - a.createdAt ||
      (bytesToHex(a.ref) < bytesToHex(b.ref) ? -1 : 1),
  )
  if (best !== undefined) {
    const { invitee, ref, lastResort } = best
    return { ok: true, invitee, ref: bytesToHex(ref), lastResort }
  }
  if (usable.length > 0) return refused("used", WORDS.used)
  if (present.length === 0 && theirs.length > 0) return refused("incompatible", WORDS.clock)
  return refusal(problems)
}

const WORDS = {
  none: "This person has not published a KeyPackage: they don't use a Marmot messenger yet.",
  used: "You have used this person's only KeyPackage before. Ask them to open their app once.",
  expired: "This person's KeyPackage has expired. Ask them to open their app once.",
  clock: "This person's KeyPackage is not valid yet. One of your clocks may be wrong.",
  incompatible:
    "This person's app can't take part in this kind of group. They may need to update it.",
}

type Refusal = KeyPackageChoice & { readonly ok: false }

const refused = (
  status: Refusal["status"],
  reason: string,
  lacking?: Refusal["lacking"],
): Refusal => ({ ok: false, status, reason, lacking })

function refusal(problems: readonly unknown[]): Refusal {
  if (problems.length === 0) return refused("no_key_package", WORDS.none)
  const all = (code: MarmotErrorCode) =>
    problems.every((problem) => problem instanceof MarmotError && problem.code === code)
  if (all("key_package_expired")) return refused("expired", WORDS.expired)
  if (all("key_package_not_yet_valid")) return refused("incompatible", WORDS.clock)
  const lacking = problems.find((problem) => problem instanceof IncompatibleKeyPackage)
  if (lacking === undefined) return refused("incompatible", WORDS.incompatible)
  const { required, had } = lacking
  const words = featureWords(without(required, had)).join(", ")
  const reason = `This person's app lacks what this group needs: ${words}. They may need to update it.`
  return refused("incompatible", reason, { required, had })
}

/** A slot is (author, d); the newest event counts, ties go to the lower id (§7.6). */
function newestOfSlots(events: readonly NostrEvent[]): NostrEvent[] {
  const slots = new Map<string, NostrEvent>()
  for (const event of events) {
    const slot = event.tags.find((tag) => tag[0] === "d")?.[1] ?? ""
    const known = slots.get(slot)
    const newer =
      known === undefined ||
      event.created_at > known.created_at ||
      (event.created_at === known.created_at && event.id < known.id)
    if (newer) slots.set(slot, event)
  }
  return [...slots.values()]
}
