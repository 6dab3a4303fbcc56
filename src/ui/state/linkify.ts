// Message text as parts. Only absolute http and https addresses become links; everything else stays
// text, so that a message can never put markup or another scheme on the page.

export type TextPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "link"; readonly href: string; readonly text: string }

/** What is longer is no address that anybody follows. */
const MAX_ADDRESS = 2_048
const addressPattern = /\bhttps?:\/\/[^\s<>"'`\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu

const picture = String.raw`\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})?`
const onlyEmojiPattern = new RegExp(
  `^(?:(?:${picture}(?:\\u200d${picture})*|\\p{Regional_Indicator}{2})\\s?){1,3}$`,
  "u",
)

/** Splits text into plain parts and links. The texts joined give the input again. */
export function linkify(text: string): readonly TextPart[] {
  const parts: TextPart[] = []
  let done = 0
  for (const match of text.matchAll(addressPattern)) {
    if (match[0].length > MAX_ADDRESS) continue
    const shown = withoutTrailingPunctuation(match[0])
    const href = safeAddress(shown)
    if (href === undefined) continue
    if (match.index > done) parts.push({ type: "text", text: text.slice(done, match.index) })
    parts.push({ type: "link", href, text: shown })
    done = match.index + shown.length
  }
  if (done < text.length) parts.push({ type: "text", text: text.slice(done) })
  return parts
}

/** One to three emoji and nothing else: shown large. */
export function isOnlyEmoji(text: string): boolean {
  const compact = text.trim()
  if (compact.length === 0 || compact.length > 40) return false
  return onlyEmojiPattern.test(compact)
}

function safeAddress(text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null || url.hostname === "") return undefined
  // A user part makes an address look like another site's.
  if (url.username !== "" || url.password !== "") return undefined
  return url.protocol === "http:" || url.protocol === "https:" ? url.href : undefined
}

const openings: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" }

function withoutTrailingPunctuation(text: string): string {
  const counts = new Map<string, number>()
  for (const each of text) counts.set(each, (counts.get(each) ?? 0) + 1)
  const count = (each: string) => counts.get(each) ?? 0
  let end = text.length
  for (; end > 0; end -= 1) {
    const last = text.charAt(end - 1)
    const opening = openings[last]
    if (opening === undefined && !/[.,;:!?*_~]/.test(last)) break
    if (opening !== undefined && count(opening) >= count(last)) break
    counts.set(last, count(last) - 1)
  }
  return text.slice(0, end)
}
