import fc from "fast-check"
import { expect, test } from "vitest"
import { RelayError } from "./error.ts"
import { MAX_FRAME_LENGTH, parseRelayMessage } from "./relay-message.ts"

const codeOf = (data: unknown): string => {
  try {
    parseRelayMessage(data)
  } catch (error) {
    if (error instanceof RelayError) return error.code
    throw error
  }
  return "no error"
}

test.each([
  ['["EVENT","s",{"id":1}]', { type: "EVENT", subscription: "s", event: { id: 1 } }],
  ['["EOSE","s"]', { type: "EOSE", subscription: "s" }],
  ['["CLOSED","s","error: x"]', { type: "CLOSED", subscription: "s", reason: "error: x" }],
  ['["CLOSED","s"]', { type: "CLOSED", subscription: "s", reason: "" }],
  ['["OK","i",true,""]', { type: "OK", id: "i", accepted: true, message: "" }],
  ['["OK","i",false]', { type: "OK", id: "i", accepted: false, message: "" }],
  ['["NOTICE","a\\nb"]', { type: "NOTICE", message: "a b" }],
  ['["AUTH","c"]', { type: "AUTH", challenge: "c" }],
])("%s", (text, message) => {
  expect(parseRelayMessage(text)).toEqual(message)
})

test("sizes are limited", () => {
  expect(codeOf(`["NOTICE","${"x".repeat(MAX_FRAME_LENGTH)}"]`)).toBe("message_too_large")
  expect(parseRelayMessage(`["NOTICE","${"x".repeat(5_000)}"]`)).toEqual({
    type: "NOTICE",
    message: "x".repeat(1_024),
  })
})

test("any frame gives a message or a typed refusal", () => {
  const type = fc.constantFrom("EVENT", "EOSE", "CLOSED", "OK", "NOTICE", "AUTH", "COUNT")
  const frame = fc.tuple(type, fc.jsonValue(), fc.jsonValue(), fc.jsonValue())
  const data = fc.oneof(
    frame.map((value) => JSON.stringify(value)),
    fc.json(),
    fc.string(),
    fc.uint8Array(),
    fc.anything(),
  )
  fc.assert(
    fc.property(data, (value) => {
      expect(["no error", "invalid_message"]).toContain(codeOf(value))
    }),
  )
})
