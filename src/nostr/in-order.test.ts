import { expect, test } from "vitest"
import { InOrder } from "./in-order.ts"

/** A promise that is kept from outside. */
function later() {
  let answer: (verdict: boolean) => void = () => undefined
  const promise = new Promise<boolean>((resolve) => {
    answer = resolve
  })
  return { promise, answer }
}

const settled = () => new Promise((resolve) => setTimeout(resolve))

test("at once while nothing is waiting, and behind what waits otherwise", async () => {
  const order = new InOrder()
  const done: string[] = []
  const note = (name: string) => (verdict: boolean) => void done.push(`${name} ${verdict}`)
  order.add(true, note("a"))
  expect(done).toEqual(["a true"])
  const [b, d] = [later(), later()]
  order.add(b.promise, note("b"))
  order.add(false, note("c"))
  order.add(d.promise, note("d"))
  order.add(true, note("e"))
  d.answer(true)
  await settled()
  expect(done).toEqual(["a true"])
  b.answer(false)
  await settled()
  expect(done).toEqual(["a true", "b false", "c false", "d true", "e true"])
})

test("what is asked for on the way comes last, and after `clear` nothing comes", async () => {
  const order = new InOrder()
  const done: string[] = []
  const first = later()
  order.add(first.promise, () => {
    done.push("first")
    order.add(true, () => done.push("on the way"))
  })
  order.add(true, () => done.push("second"))
  first.answer(true)
  await settled()
  expect(done).toEqual(["first", "second", "on the way"])

  const dropped = later()
  order.add(dropped.promise, () => done.push("dropped"))
  order.add(true, () => done.push("dropped, too"))
  order.clear()
  order.add(true, () => done.push("new"))
  dropped.answer(true)
  await settled()
  expect(done.slice(3)).toEqual(["new"])
})
