// Which inner events are messages of a conversation (marmot-wire §8.2), and which change or decorate one.

/** Kinds that are shown as messages of their own; others change or decorate one (wire §8.2). */
export function isChatKind(kind: number): boolean {
  return !DECORATIONS.has(kind)
}

/** A row that says what happened to the group: made here of Commits; received, it is only what its author says. */
export const SYSTEM_ROW_KIND = 1210

/**
 * Deletion, reaction, push gossip, edit, poll response, the beginning and progress of an agent's message (its end is a
 * message), system row; of the drafts: purges, requests for changes, invitation links, reports and what becomes of them.
 */
const DECORATIONS: ReadonlySet<number> = new Set([
  ...[5, 7, 447, 448, 449, 1009, 1018, 1200, 1201, 1202, SYSTEM_ROW_KIND],
  ...[453, 458, 461, 1984, 1985, 4891],
])
