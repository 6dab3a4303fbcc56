// Which inner events are messages of a conversation (marmot-wire §8.2), and which change or decorate one.

/** Kinds that the app shows as messages of their own. */
export function isChatKind(kind: number): boolean {
  return !isDecoration(kind) && !DRAFTS.has(kind)
}

/** Kinds that change or decorate a message, or say nothing to people. */
export function isDecoration(kind: number): boolean {
  return DECORATIONS.has(kind)
}

/** A row that says what happened to the group: made here of Commits; received, it is only what its author says. */
export const SYSTEM_ROW_KIND = 1210

/**
 * Deletion, reaction, push gossip, edit, poll response, the beginning and progress of an agent's message (its end is a
 * message), system row.
 */
const DECORATIONS: ReadonlySet<number> = new Set([
  5,
  7,
  447,
  448,
  449,
  1009,
  1018,
  1200,
  1201,
  1202,
  SYSTEM_ROW_KIND,
])

/** Purges, requests for changes, invitation links, reports and what becomes of them: nobody would read them as they are. */
const DRAFTS: ReadonlySet<number> = new Set([453, 458, 461, 1984, 1985, 4891])
