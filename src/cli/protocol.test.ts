import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  CliError,
  idOf,
  optionalInteger,
  optionalTags,
  optionalTexts,
  parseRequest,
  text,
} from "./protocol.ts"

const codeOf = (run: () => unknown): string => {
  try {
    run()
    return "no error"
  } catch (error) {
    if (error instanceof CliError) return error.code
    throw error
  }
}

describe("requests", () => {
  test("id, method and params", () => {
    expect(parseRequest('{"id":1,"method":"sync"}')).toEqual({ id: 1, method: "sync", params: {} })
    expect(parseRequest('{"id":"x","method":"a","params":{"b":1},"more":2}')).toEqual({
      id: "x",
      method: "a",
      params: { b: 1 },
    })
  })

  test.each([
    ["", "parse_error"],
    ["{", "parse_error"],
    ["null", "invalid_request"],
    ["[]", "invalid_request"],
    ['{"id":{},"method":"a"}', "invalid_request"],
    ['{"id":1}', "invalid_request"],
    ['{"id":1,"method":"a","params":[]}', "invalid_request"],
  ])("%s is refused", (line, code) => {
    expect(codeOf(() => parseRequest(line))).toBe(code)
  })

  test("whatever comes, the refusal is typed and an id is found if there is one", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        codeOf(() => parseRequest(line))
        const id = idOf(line)
        expect(id === null || typeof id === "number" || typeof id === "string").toBe(true)
      }),
    )
    expect(idOf('{"id":7,"method":1}')).toBe(7)
  })
})

test("parameters have the type that they should have, or are absent", () => {
  expect(text({ a: "x" }, "a")).toBe("x")
  expect(codeOf(() => text({}, "a"))).toBe("invalid_params")
  expect(optionalInteger({ a: null }, "a")).toBeUndefined()
  expect(codeOf(() => optionalInteger({ a: 1.5 }, "a"))).toBe("invalid_params")
  expect(codeOf(() => optionalTexts({ a: ["x", 1] }, "a"))).toBe("invalid_params")
  expect(optionalTags({ a: [["e", "x"]] }, "a")).toEqual([["e", "x"]])
  expect(codeOf(() => optionalTags({ a: ["e"] }, "a"))).toBe("invalid_params")
})
