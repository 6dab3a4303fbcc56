// RFC 8259, read strictly: what JSON.parse lets pass (duplicate keys, 1e9 for an integer) is refused here.

import { MarmotError } from "./error.ts"

const WHITESPACE = new Set([" ", "\t", "\n", "\r"])
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
])

/** A scanner over a whole JSON text. Every method throws `MarmotError` `invalid_app_event`. */
export class JsonScanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** `{"name": value, …}`; `member` must read each value. Repeated names are refused. */
  object(member: (name: string) => void): void {
    const names = new Set<string>()
    this.#sequence("{", "}", () => {
      const name = this.string()
      if (names.has(name)) throw malformed("a member appears twice")
      names.add(name)
      this.#expect(":")
      member(name)
    })
  }

  array<T>(item: () => T): T[] {
    const items: T[] = []
    this.#sequence("[", "]", () => items.push(item()))
    return items
  }

  string(): string {
    this.#expect('"')
    let value = ""
    for (;;) {
      const character = this.#text[this.#at++]
      if (character === undefined || character < " ") throw malformed("a string that does not end")
      if (character === '"') break
      value += character === "\\" ? this.#escape() : character
    }
    // Half of a surrogate pair has no UTF-8 form, so no id either.
    if (/\p{Surrogate}/u.test(value)) throw malformed("a string with half a character")
    return value
  }

  /** A plain non-negative integer: no sign, fraction, exponent or leading zero; at most 2^53 − 1. */
  integer(): number {
    this.#skip()
    const [digits] =
      /^(0|[1-9]\d{0,15})(?![\d.eE])/.exec(this.#text.slice(this.#at, this.#at + 17)) ?? []
    if (digits === undefined) throw malformed("a number that is no plain integer")
    this.#at += digits.length
    const value = Number(digits)
    if (!Number.isSafeInteger(value)) throw malformed("a number that is too large")
    return value
  }

  /** Nothing but white space is left. */
  end(): void {
    this.#skip()
    if (this.#at < this.#text.length) throw malformed("text after the end")
  }

  #sequence(open: string, close: string, item: () => void): void {
    this.#expect(open)
    if (this.#take(close)) return
    do item()
    while (this.#take(","))
    this.#expect(close)
  }

  #escape(): string {
    const kind = this.#text[this.#at++] ?? ""
    const plain = ESCAPES.get(kind)
    if (plain !== undefined) return plain
    const hex = this.#text.slice(this.#at, this.#at + 4)
    if (kind !== "u" || !/^[0-9a-fA-F]{4}$/.test(hex)) throw malformed("an unknown escape")
    this.#at += 4
    return String.fromCharCode(Number.parseInt(hex, 16))
  }

  #take(character: string): boolean {
    this.#skip()
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw malformed(`${character} is missing`)
  }

  #skip(): void {
    while (WHITESPACE.has(this.#text[this.#at] ?? "")) this.#at++
  }
}

function malformed(problem: string): MarmotError {
  return new MarmotError(
    "invalid_app_event",
    `the payload is not the strict JSON of an event: ${problem}`,
  )
}
