// Marmot canonical encoding, media types (marmot-wire §2.2): one strict form, shared by images and media v2.

const MAX_PART = 64
const MAX_WHOLE = 128
/** TAB, LF, FF, CR and SPACE, and nothing else. */
const BLANK = /^[\t\n\f\r ]+|[\t\n\f\r ]+$/g
const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/

/** The canonical form of a media type, or `undefined` if it has none. */
export function canonicalMediaType(input: string): string | undefined {
  const [essence = ""] = input.split(";", 1)
  const parts = essence.replace(BLANK, "").split("/")
  if (parts.length !== 2) return undefined
  if (!parts.every((part) => part.length <= MAX_PART && TOKEN.test(part))) return undefined
  const whole = parts.join("/").toLowerCase()
  if (whole.length > MAX_WHOLE) return undefined
  return whole === "image/jpg" ? "image/jpeg" : whole
}

/** Whether `stored` is its own canonical form; receivers never repair. */
export function isCanonicalMediaType(stored: string): boolean {
  return stored !== "" && canonicalMediaType(stored) === stored
}
