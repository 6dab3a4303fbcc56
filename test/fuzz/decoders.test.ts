// Marmot wire §2–§8, NIP-01, NIP-59: whatever comes is refused by a typed error, or is what it would be written as.

import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  anyBytes,
  anyText,
  anyValue,
  damagedBytes,
  damagedText,
  damagedValue,
  isRefusal,
} from "./damage.fixture.ts"
import { bytesDecoders, textDecoders, valueDecoders } from "./decoders.fixture.ts"

/** The value, or that it was refused; throws what is no refusal. */
async function outcome(decode: () => unknown): Promise<{ readonly value: unknown } | undefined> {
  try {
    return { value: await decode() }
  } catch (error) {
    expect(isRefusal(error)).toBe(true)
    return undefined
  }
}

describe.each(bytesDecoders)("$name", ({ decode, encode, samples }) => {
  const check = async (bytes: Uint8Array) => {
    const before = Uint8Array.from(bytes)
    const read = await outcome(() => decode(bytes))
    // What is given belongs to somebody else.
    expect(Buffer.compare(bytes, before)).toBe(0)
    if (read !== undefined && encode !== undefined) {
      expect(Buffer.compare(encode(read.value as never), bytes)).toBe(0)
    }
    return read !== undefined
  }

  test("valid bytes, and all that is one change away from them", async () => {
    for (const sample of samples) {
      expect(await check(sample)).toBe(true)
      for (const bytes of damagedBytes(sample)) await check(bytes)
    }
  })

  test("any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(anyBytes, async (bytes) => {
        await check(bytes)
      }),
      { numRuns: 300 },
    )
  })
})

describe.each(valueDecoders)("$name", ({ decode, samples, every = 1 }) => {
  test("a valid value, and all that is one change away from it", async () => {
    for (const sample of samples) {
      expect(await outcome(() => decode(sample))).toBeDefined()
      const damaged = [...damagedValue(sample)].filter((_, i) => i % every === 0)
      for (const value of damaged) await outcome(() => decode(value))
    }
  })

  test("any value", async () => {
    await fc.assert(
      fc.asyncProperty(anyValue, async (value) => {
        await outcome(() => decode(value))
      }),
      { numRuns: Math.ceil(200 / every) },
    )
  })
})

describe.each(textDecoders)("$name, text", ({ decode, samples }) => {
  test("a valid text, and what happens to texts", async () => {
    for (const sample of samples) {
      expect(await outcome(() => decode(sample))).toBeDefined()
      for (const text of damagedText(sample)) await outcome(() => decode(text))
    }
  })

  test("any text", async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        await outcome(() => decode(text))
      }),
      { numRuns: 300 },
    )
  })
})
