import { expect, test } from "vitest"
import * as store from "./index.ts"

test("exports of the store", () => {
  expect(Object.keys(store).sort()).toEqual([
    "Memory",
    "StoreError",
    "openIndexedDbStore",
    "openMemoryStore",
    "tableNames",
  ])
})
