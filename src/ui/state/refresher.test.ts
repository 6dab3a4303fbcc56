import { expect, test } from "vitest"
import { Refresher } from "./refresher.ts"

test("requests made during a read lead to one more read", async () => {
  let reads = 0
  let finish: (() => void)[] = []
  const refresher = new Refresher(
    () =>
      new Promise((resolve) => {
        reads += 1
        finish.push(resolve)
      }),
    () => undefined,
  )
  refresher.request()
  refresher.request()
  refresher.request()
  expect(reads).toBe(1)
  for (const resolve of finish) resolve()
  await Promise.resolve()
  await Promise.resolve()
  expect(reads).toBe(2)
  const open = finish
  finish = []
  for (const resolve of open) resolve()
  await Promise.resolve()
  await Promise.resolve()
  expect(reads).toBe(2)
})

test("a failed read is reported and the next request reads again", async () => {
  const errors: unknown[] = []
  let reads = 0
  const refresher = new Refresher(
    () => {
      reads += 1
      return Promise.reject(new Error("no"))
    },
    (error) => errors.push(error),
  )
  refresher.request()
  await new Promise((resolve) => setTimeout(resolve, 0))
  refresher.request()
  await new Promise((resolve) => setTimeout(resolve, 0))
  expect(reads).toBe(2)
  expect(errors).toHaveLength(2)
})
