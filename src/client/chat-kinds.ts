// Which inner events are messages of a conversation (marmot-wire §8.2), and which change or decorate one.

/** Kinds that are shown as messages of their own; others change or decorate one (wire §8.2). */
export function isChatKind(kind: number): boolean {
  return !DECORATIONS.has(kind)
}

/** Deletion, reaction, push gossip, edit, poll response, system row. */
const DECORATIONS = new Set([5, 7, 447, 448, 449, 1009, 1018, 1200, 1201, 1202, 1210])
