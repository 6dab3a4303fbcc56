// Scenario IR, expected_trace: every member that the file names must be as it says.

import { isDeepStrictEqual } from "node:util"
import type { Failure } from "./outcomes.ts"
import type { Trace } from "./trace.ts"

export function compareTrace(expected: unknown, trace: Trace): Failure[] {
  return differences(expected, trace, "trace")
}

function differences(expected: unknown, actual: unknown, at: string): Failure[] {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    if (expected.length !== actual.length) return [differs(at, expected, actual)]
    return expected.flatMap((each: unknown, i) => differences(each, actual[i], `${at}[${i}]`))
  }
  if (isObject(expected) && isObject(actual)) {
    return Object.entries(expected).flatMap(([name, value]) =>
      differences(value, actual[name], `${at}.${name}`),
    )
  }
  return isDeepStrictEqual(expected, actual) ? [] : [differs(at, expected, actual)]
}

function differs(at: string, expected: unknown, actual: unknown): Failure {
  return { kind: "expected_trace", message: `${at} differs`, expected, actual }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
