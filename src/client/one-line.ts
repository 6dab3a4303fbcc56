// Names that others have chosen, as they are shown: what could make them look like another name is not in them.

/** `text` without controls and without marks that turn the direction of what follows ("exe.gnp"); may be empty. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\s]+/gu, " ").trim()
}
