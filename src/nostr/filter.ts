// NIP-01: subscription filters, and whether an event matches one.

import { RelayError } from "./error.ts"
import { isHex32 } from "./event.ts"
import type { NostrEvent } from "./event.ts"

/** All conditions must hold; a list holds if any of its values does. */
export interface Filter {
  readonly ids?: readonly string[]
  readonly authors?: readonly string[]
  readonly kinds?: readonly number[]
  /** Unix seconds, both inclusive. */
  readonly since?: number
  readonly until?: number
  /** How many stored events at most, newest first. */
  readonly limit?: number
  /** Tags of one letter: `#h`, `#p`, … */
  readonly [tag: `#${string}`]: readonly string[] | undefined
}

/** What `parseFilter` accepts at most. */
const filterLimits = { values: 10_000, valueLength: 1_024 } as const

/** Whether `event` matches; `limit` plays no part. */
export function matchesFilter(filter: Filter, event: NostrEvent): boolean {
  if (filter.ids !== undefined && !filter.ids.includes(event.id)) return false
  if (filter.authors !== undefined && !filter.authors.includes(event.pubkey)) return false
  if (filter.kinds !== undefined && !filter.kinds.includes(event.kind)) return false
  if (filter.since !== undefined && event.created_at < filter.since) return false
  if (filter.until !== undefined && event.created_at > filter.until) return false
  // Asked for every event: without a list of the conditions.
  for (const name in filter) {
    const values = name.startsWith("#") ? filter[name as `#${string}`] : undefined
    if (values !== undefined && !hasTag(event, name.slice(1), values)) return false
  }
  return true
}

function hasTag({ tags }: NostrEvent, letter: string, values: readonly string[]): boolean {
  return tags.some(
    ([name, value]) => name === letter && value !== undefined && values.includes(value),
  )
}

export function matchesAny(filters: readonly Filter[], event: NostrEvent): boolean {
  return filters.some((filter) => matchesFilter(filter, event))
}

/** The conditions on tags: letter and wanted values. */
export function tagConditions(filter: Filter): (readonly [string, readonly string[]])[] {
  return Object.entries(filter).flatMap(([name, values]) =>
    name.startsWith("#") && Array.isArray(values)
      ? [[name.slice(1), values as readonly string[]] as const]
      : [],
  )
}

/** Reads a filter out of untrusted JSON; members that NIP-01 does not define are refused. Throws `invalid_message`. */
export function parseFilter(value: unknown): Filter {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("object")
  for (const [name, member] of Object.entries(value as Record<string, unknown>)) {
    if (!isCondition(name, member)) throw invalid(name.slice(0, 32))
  }
  return value as Filter
}

const invalid = (what: string) => new RelayError("invalid_message", `not a filter: ${what}`)

function isCondition(name: string, value: unknown): boolean {
  if (name === "ids" || name === "authors") return isList(value, isHex32)
  if (name === "kinds") return isList(value, isNatural)
  if (name === "since" || name === "until" || name === "limit") return isNatural(value)
  return /^#[A-Za-z]$/.test(name) && isList(value, isTagValue)
}

const isList = (value: unknown, is: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length <= filterLimits.values && value.every(is)

const isNatural = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0

const isTagValue = (value: unknown): boolean =>
  typeof value === "string" && value.length <= filterLimits.valueLength
