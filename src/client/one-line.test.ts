import { expect, test } from "vitest"
import { oneLine } from "./one-line.ts"

test.each([
  ["invoice\u202egnp.exe", "invoice gnp.exe"],
  ["\u2067a\u2069\u200f.txt", "a .txt"],
  ["two\r\nlines\tand\u0000nothing", "two lines and nothing"],
  ["  صورة العطلة.png ", "صورة العطلة.png"],
  ["\u202e\u0007", ""],
])("%j", (text, shown) => {
  expect(oneLine(text)).toBe(shown)
})
