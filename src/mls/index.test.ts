// RFC 9420: what the layer shows to those above it.

import { expect, test } from "vitest"
import * as mls from "./index.ts"

test("the public API", () => {
  const kinds = Object.entries(mls).map(([name, value]) => `${name}: ${typeof value}`)
  expect(kinds).toMatchSnapshot()
})
