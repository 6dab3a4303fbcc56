import { expect, test } from "vitest"
import { parseConfig } from "./config.ts"
import { nameOf } from "./contacts.ts"

test.each([
  ['{"name":"ann","display_name":"Ann"}', "Ann"],
  ['{"name":"ann","display_name":"  "}', "ann"],
  ['{"name":" two\\nlines "}', "two lines"],
  ['{"name":"\\u202egnp.exe"}', "gnp.exe"],
  ['{"name":7}', undefined],
  ["[]", undefined],
  ["null", undefined],
  ["not json", undefined],
  [`{"name":"${"👍".repeat(100)}"}`, "👍".repeat(80)],
])("the name in %s", (content, name) => {
  expect(nameOf(content)).toBe(name)
})

test("a configuration holds relays, or the public ones are used", () => {
  expect(parseConfig({ relays: ["wss://a.example", "nonsense", 7] }).relays).toEqual([
    "wss://a.example",
  ])
  for (const broken of [undefined, null, {}, { relays: "x" }, { relays: [] }]) {
    expect(parseConfig(broken).relays.length).toBeGreaterThan(0)
  }
})
