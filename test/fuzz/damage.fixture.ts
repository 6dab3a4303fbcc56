// What can happen to valid input: every byte changed, every cut, every member of a JSON value gone, doubled or another.

import fc from "fast-check"
import { MarmotError } from "../../src/marmot/error.ts"
import { MlsError } from "../../src/mls/index.ts"
import { RelayError, SignerError } from "../../src/nostr/error.ts"

/** Each byte flipped in three ways, each prefix, and a byte too many. */
export function* damagedBytes(valid: Uint8Array): Generator<Uint8Array> {
  for (let i = 0; i < valid.length; i++) {
    for (const bits of [0x01, 0x80, 0xff]) yield valid.with(i, (valid[i] ?? 0) ^ bits)
    yield valid.slice(0, i)
  }
  yield Uint8Array.of(...valid, 0)
}

const STRANGE: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  1e300,
  "",
  "x",
  "\ud800",
  "\0",
  "__proto__",
  "ab".repeat(32),
  "x".repeat(70_000),
  [],
  [[]],
  [null],
  {},
  { length: 3 },
]

type Members = Readonly<Record<string, unknown>>

/** One place at a time: gone, strange, or doubled; text shortened, lengthened and in capitals. */
export function* damagedValue(valid: unknown): Generator {
  yield* STRANGE
  if (typeof valid === "string") {
    yield valid.slice(0, -1)
    yield `${valid}x`
    yield valid.toUpperCase()
    yield ` ${valid}`
  } else if (Array.isArray(valid)) {
    const items = valid as readonly unknown[]
    for (const [i, item] of items.entries()) {
      yield items.toSpliced(i, 1)
      yield items.toSpliced(i, 0, item)
      for (const other of damagedValue(item)) yield items.with(i, other)
    }
    yield [...items, "more"]
    yield items.toReversed()
  } else if (typeof valid === "object" && valid !== null) {
    const members = valid as Members
    for (const [name, member] of Object.entries(members)) {
      yield Object.fromEntries(Object.entries(members).filter(([other]) => other !== name))
      for (const other of damagedValue(member)) yield { ...members, [name]: other }
    }
    yield { ...members, more: 1 }
  }
}

/** JSON texts that no value is written as: doubled members, cuts, depth, length. */
export function* damagedText(valid: string): Generator<string> {
  const doubled = /"(\w+)":/g
  for (const [member] of valid.matchAll(doubled))
    yield valid.replace(member, `${member}0,${member}`)
  const step = Math.max(1, Math.floor(valid.length / 200))
  for (let i = 0; i < valid.length; i += step) yield valid.slice(0, i)
  yield `${valid}x`
  yield `\ufeff${valid}`
  yield "[".repeat(20_000)
  yield `${"[".repeat(20_000)}${"]".repeat(20_000)}`
  yield `${'{"a":'.repeat(20_000)}0${"}".repeat(20_000)}`
  yield '"'.padEnd(2_000_000, "x")
}

export const anyBytes = fc.uint8Array({ maxLength: 400 })
export const anyValue = fc.jsonValue({ maxDepth: 4 })
export const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.json())

/** A refusal in the layer's own words: a typed error that blames the input. Anything else is thrown on. */
export function isRefusal(error: unknown): boolean {
  const typed =
    error instanceof MarmotError ||
    error instanceof MlsError ||
    error instanceof RelayError ||
    error instanceof SignerError
  if (!typed || error.code === "internal" || error.code === "misuse") throw error
  return true
}
