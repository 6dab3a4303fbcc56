import { hexToBytes } from "@noble/hashes/utils.js"
import { describe, expect, test } from "vitest"
import { decodeLog, encodeRecord, logHeader } from "./file-log.ts"
import { importDataKey, Sealer, sealOverhead } from "./sealing.ts"

const key = { scope: "scope", sort: "sort" }
const sealerOf = async (byte: number) =>
  Sealer.create(await importDataKey(new Uint8Array(32).fill(byte)))

describe("sealing", () => {
  // What was written by format 1 must open for ever; these bytes were.
  test("opens a value of format 1", async () => {
    const sealer = await sealerOf(7)
    expect(sealer.token("meta", "scope")).toBe("cd8520053b9a4cf45e3f36ad04289340")
    expect(
      await sealer.open(
        "meta",
        key,
        hexToBytes("019e906f98b8236d060c59cd4c18f833046ccaac600dbb94e0440c1d472d34ac6b4a"),
      ),
    ).toEqual(new TextEncoder().encode("plain"))
  })

  test("tokens differ by table, scope and data key, however the text is divided", async () => {
    const [sealer, other] = [await sealerOf(7), await sealerOf(8)]
    const tokens = [
      sealer.token("meta", "scope"),
      sealer.token("groups", "scope"),
      sealer.token("meta", "scop"),
      sealer.token("meta", ""),
      other.token("meta", "scope"),
    ]
    expect(new Set(tokens).size).toBe(tokens.length)
    for (let n = 0; n < 5_000; n++) sealer.token("meta", `${n}`)
    expect(sealer.token("meta", "scope")).toBe(tokens[0])
  })

  test("adds version, nonce and tag, and draws a new nonce each time", async () => {
    const sealer = await sealerOf(7)
    const sealed = await Promise.all([0, 1].map(() => sealer.seal("meta", key, Uint8Array.of(1))))
    expect(sealed.map(({ length }) => length)).toEqual([1 + sealOverhead, 1 + sealOverhead])
    expect(sealed[0]?.subarray(1, 13)).not.toEqual(sealed[1]?.subarray(1, 13))
  })
})

describe("the log of format 1", () => {
  const token = "000102030405060708090a0b0c0d0e0f"
  const ops = [
    { table: "meta", token, sort: "é", value: Uint8Array.of(1, 2) },
    { table: "cursors", token, sort: "", value: undefined },
  ] as const

  test("stays as it was", () => {
    expect(Buffer.from(logHeader).toString("hex")).toBe("627572726f77206c6f6701")
    expect(Buffer.from(encodeRecord(ops, logHeader.length)).toString("hex")).toBe(
      "42525701000000340001000102030405060708090a0b0c0d0e0f00000002c3a90000000201020a00000102030405060708090a0b0c0d0e0f000000003814f0d22d7ee704924238685e7ea90e",
    )
  })

  test("gives back what went in", () => {
    const first = encodeRecord(ops, logHeader.length)
    const second = encodeRecord([ops[1]], logHeader.length + first.length)
    const log = Buffer.concat([logHeader, first, second])
    expect(decodeLog(log)).toEqual({ batches: [ops, [ops[1]]], length: log.length })
  })
})
