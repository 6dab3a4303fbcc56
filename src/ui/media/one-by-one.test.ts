import { expect, test } from "vitest"
import { oneByOne } from "./one-by-one.ts"

test("the next begins when the one before has ended, also badly", async () => {
  const inTurn = oneByOne()
  const log: string[] = []
  const work = (name: string) => async () => {
    log.push(`${name} begins`)
    await new Promise((resolve) => setTimeout(resolve, 1))
    log.push(`${name} ends`)
    if (name === "b") throw new Error("bad")
    return name
  }
  const all = await Promise.allSettled(["a", "b", "c"].map((name) => inTurn(work(name))))
  expect(log).toEqual(["a", "b", "c"].flatMap((name) => [`${name} begins`, `${name} ends`]))
  expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"])
})
