import { describe, expect, test } from "vitest"
import {
  type AppDataLogic,
  appDataDictionary,
  appDataExtension,
  applyAppDataUpdates,
  decodeAppDataDictionary,
  decodeAppDataUpdate,
  decodeAppEphemeral,
  decodeComponentsList,
  decodeSafeAad,
  encodeAppDataDictionary,
  encodeAppDataUpdate,
  encodeAppEphemeral,
  encodeComponentsList,
  encodeSafeAad,
  requireAscendingComponents,
  requireSafeAad,
} from "./app-data.ts"
import { concatBytes } from "./bytes.ts"
import { decode, encode } from "./codec.ts"
import { MlsError } from "./error.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "hex"))
const failure = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    if (error instanceof MlsError) return error.code
    throw error
  }
  return "nothing thrown"
}

const dictionary = new Map([
  [0x8001, bytes("aa")],
  [0x0001, bytes("0280 01".replace(" ", ""))],
])

describe("AppDataDictionary", () => {
  test("is written in ascending order", () => {
    expect(hex(encodeAppDataDictionary(dictionary))).toBe("0a" + "000103028001" + "800101aa")
  })
  test("reads what was written", () => {
    const read = decodeAppDataDictionary(encodeAppDataDictionary(dictionary))
    expect([...read.keys()]).toEqual([0x0001, 0x8001])
    expect(hex(read.get(0x8001) ?? bytes(""))).toBe("aa")
  })
  test.each([
    ["descending", "06800100000100", "app_data_order"],
    ["repeated", "06000100000100", "app_data_order"],
    ["a byte after the end", "0000", "decode"],
    ["cut short", "04000105", "decode"],
  ])("%s is refused", (_name, text, code) => {
    expect(failure(() => decodeAppDataDictionary(bytes(text)))).toBe(code)
  })
  test("is found among extensions", () => {
    expect(appDataDictionary([{ type: 3, data: bytes("000000") }])).toBeUndefined()
    expect(appDataDictionary([appDataExtension(dictionary)])?.size).toBe(2)
  })
})

describe("ComponentsList", () => {
  test("has the bytes of MDK's own leaf", () => {
    expect(hex(encodeComponentsList([0x800c, 1, 0x8001, 0x8003, 0x8009]))).toBe(
      "0a00018001800380" + "09800c",
    )
  })
  test("is written in order without repetitions, and read in any order with them (draft §5)", () => {
    expect(hex(encodeComponentsList([2, 1, 2]))).toBe("0400010002")
    expect(decodeComponentsList(bytes("06000200010002"))).toEqual([2, 1, 2])
    expect(failure(() => decodeComponentsList(bytes("03000200")))).toBe("decode")
  })
  test("can be held to an order", () => {
    expect(failure(() => requireAscendingComponents([2, 1]))).toBe("app_data_order")
    expect(failure(() => requireAscendingComponents([1, 1]))).toBe("app_data_order")
    expect(failure(() => requireAscendingComponents([0, 1, 0xffff]))).toBe("nothing thrown")
  })
})

describe("SafeAAD", () => {
  const required = [appDataExtension(new Map([[2, bytes("00")]]))]
  test("round trip, order", () => {
    const items = [
      { componentId: 1, data: bytes("01") },
      { componentId: 5, data: bytes("") },
    ]
    expect(decodeSafeAad(encodeSafeAad(items))).toEqual(items)
    expect(hex(encodeSafeAad([]))).toBe("00")
    expect(failure(() => encodeSafeAad(items.reverse()))).toBe("app_data_order")
  })
  test("is demanded where the GroupContext has the component", () => {
    expect(failure(() => requireSafeAad(required, bytes("")))).toBe("safe_aad")
    expect(failure(() => requireSafeAad(required, bytes("0500010180")))).toBe("safe_aad")
    expect(failure(() => requireSafeAad(required, bytes("00")))).toBe("nothing thrown")
    expect(failure(() => requireSafeAad([], bytes("ffff")))).toBe("nothing thrown")
  })
})

describe("proposals", () => {
  test("AppDataUpdate: update and remove", () => {
    const update = { componentId: 0x8001, update: bytes("0102") }
    expect(hex(encode(encodeAppDataUpdate, update))).toBe("800101020102")
    expect(decode(decodeAppDataUpdate, bytes("800101020102"))).toEqual(update)
    const remove = { componentId: 0x8001, update: undefined }
    expect(hex(encode(encodeAppDataUpdate, remove))).toBe("800102")
    expect(decode(decodeAppDataUpdate, bytes("800102"))).toEqual(remove)
  })
  test.each(["800100", "800103", "80010200", "8001"])("AppDataUpdate %s is refused", (text) => {
    expect(failure(() => decode(decodeAppDataUpdate, bytes(text)))).toBe("decode")
  })
  test("AppEphemeral", () => {
    const value = { componentId: 5, data: bytes("aabb") }
    expect(hex(encode(encodeAppEphemeral, value))).toBe("000502aabb")
    expect(decode(decodeAppEphemeral, bytes("000502aabb"))).toEqual(value)
  })
})

describe("applyAppDataUpdates", () => {
  const other = { type: 3, data: bytes("000000") }
  const set = (componentId: number, text: string) => ({ componentId, update: bytes(text) })

  test("the dictionary goes to the end", () => {
    const next = applyAppDataUpdates([appDataExtension(dictionary), other], [set(0x8001, "bb")])
    expect(next.map((extension) => extension.type)).toEqual([3, 6])
    expect(appDataDictionary(next)?.get(0x8001)).toEqual(bytes("bb"))
    expect(appDataDictionary(next)?.get(1)).toEqual(dictionary.get(1))
  })
  test("a missing dictionary is made, an emptied one stays", () => {
    const made = applyAppDataUpdates([other], [set(7, "00")])
    expect(appDataDictionary(made)?.size).toBe(1)
    const emptied = applyAppDataUpdates(made, [{ componentId: 7, update: undefined }])
    expect(appDataDictionary(emptied)?.size).toBe(0)
  })
  test("without updates nothing moves", () => {
    const extensions = [appDataExtension(dictionary), other]
    expect(applyAppDataUpdates(extensions, [])).toBe(extensions)
  })
  test("a component's own logic folds several updates in their order, and may refuse", () => {
    const append: AppDataLogic = (id, current, updates) => {
      if (updates.some((update) => update.length === 0)) throw new Error(`nothing for ${id}`)
      return concatBytes(current ?? bytes(""), ...updates)
    }
    const before = [appDataExtension(new Map([[7, bytes("ff")]]))]
    const after = applyAppDataUpdates(before, [set(7, "01"), set(9, "02"), set(7, "03")], append)
    expect([...(appDataDictionary(after) ?? [])].map(([id, data]) => [id, hex(data)])).toEqual([
      [7, "ff0103"],
      [9, "02"],
    ])
    expect(() => applyAppDataUpdates(before, [set(7, "")], append)).toThrow("nothing for 7")
    const remove = { componentId: 7, update: undefined }
    for (const updates of [
      [remove, remove],
      [set(7, "01"), remove],
      [remove, set(7, "01")],
    ]) {
      expect(failure(() => applyAppDataUpdates(before, updates, append))).toBe("app_data_conflict")
    }
  })
  test("two operations on one component are refused", () => {
    const twice = [set(7, "00"), set(7, "01")]
    expect(failure(() => applyAppDataUpdates([], twice))).toBe("app_data_conflict")
    const mixed = [set(7, "00"), { componentId: 7, update: undefined }]
    expect(failure(() => applyAppDataUpdates([], mixed))).toBe("app_data_conflict")
  })
  test("removal of nothing is refused", () => {
    const remove = [{ componentId: 9, update: undefined }]
    expect(failure(() => applyAppDataUpdates([appDataExtension(dictionary)], remove))).toBe(
      "app_data_absent",
    )
  })
})
