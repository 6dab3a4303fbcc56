// Names, initials and times as people read them.
import type { MessageItem, PersonView } from "../../client/api.ts"
import { shownTime } from "../../client/shown-time.ts"
import { strings } from "../strings.ts"
import { sameDay } from "./rows.ts"

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" })
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" })
const shortWeekday = new Intl.DateTimeFormat(undefined, { weekday: "short" })
const dayMonth = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long" })
const shortDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" })
const fullDate = new Intl.DateTimeFormat(undefined, { dateStyle: "long" })
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" })

const daySeconds = 86_400

/** `npub1qyf7…3k9p`: enough to compare at a glance. */
export function shortNpub(npub: string): string {
  return npub.length > 20 ? `${npub.slice(0, 10)}…${npub.slice(-4)}` : npub
}

export function personName(person: PersonView): string {
  const name = person.name?.trim()
  return name === undefined || name === "" ? shortNpub(person.npub) : name
}

const longestAnnouncement = 200

/** A new message as a screen reader says it; of a long one the beginning. */
export function announcement({ author, content }: MessageItem): string {
  const words = Array.from(content).slice(0, longestAnnouncement).join("")
  return strings.conversation.announce(personName(author), words)
}

export function groupName(name: string): string {
  return name.trim() === "" ? strings.common.unnamedGroup : name
}

/** One or two letters for an avatar. */
export function initials(name: string): string {
  const words = name
    .trim()
    .replace(/^npub1/, "")
    .split(/[\s_\-·]+/u)
    .filter((word) => /[\p{L}\p{N}]/u.test(word))
  const letters = words.map((word) => Array.from(word).find((c) => /[\p{L}\p{N}]/u.test(c)) ?? "")
  const last = letters.length > 1 ? (letters.at(-1) ?? "") : ""
  return ((letters[0] ?? "?") + last).toLocaleUpperCase()
}

/** A stable number from an id: the same person has the same colour everywhere. */
export function hueIndex(id: string, count: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193) >>> 0
  }
  return hash % count
}

const dateOf = (seconds: number) => new Date(shownTime(seconds) * 1000)

export function timeOf(seconds: number): string {
  return clock.format(dateOf(seconds))
}

export function exactTime(seconds: number): string {
  return dateTime.format(dateOf(seconds))
}

/** For machines: the `datetime` of a `<time>`. */
export function isoTime(seconds: number): string {
  return dateOf(seconds).toISOString()
}

/** For the chat list: time today, then "Yesterday", a weekday, a date. */
export function listTime(seconds: number, now: number): string {
  if (sameDay(seconds, now)) return timeOf(seconds)
  if (sameDay(seconds, now - daySeconds)) return strings.common.yesterday
  const date = dateOf(seconds)
  if (now > seconds && now - seconds < 6 * daySeconds) return shortWeekday.format(date)
  return shortDate.format(date)
}

export function dayName(seconds: number, now: number): string {
  if (sameDay(seconds, now)) return strings.common.today
  if (sameDay(seconds, now - daySeconds)) return strings.common.yesterday
  const date = dateOf(seconds)
  if (now > seconds && now - seconds < 6 * daySeconds) return weekday.format(date)
  const sameYear = date.getFullYear() === dateOf(now).getFullYear()
  return (sameYear ? dayMonth : fullDate).format(date)
}

const spans = [
  [604_800, "weeks"],
  [86_400, "days"],
  [3_600, "hours"],
  [60, "minutes"],
] as const

/** A number of seconds as people say it: `4 weeks`, `1 day`, `90 seconds`. */
export function span(seconds: number): string {
  const [size, unit] = spans.find(([each]) => seconds % each === 0) ?? ([1, "seconds"] as const)
  return strings.common[unit](seconds / size)
}

/** Host and path of a relay address, without the scheme. */
export function relayName(url: string): string {
  return url.replace(/^wss?:\/\//, "").replace(/\/$/, "")
}
