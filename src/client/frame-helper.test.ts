import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { FrameHelper, type Frames, type HelperMessage } from "./frame-helper.ts"
import type { Channel } from "./rpc.ts"

/** A helper that answers when it is told to. */
class Helper implements Channel {
  readonly asked: Frames[] = []
  isClosed = false
  #receive: (message: unknown) => void = () => undefined

  send(message: unknown): void {
    this.asked.push(message as Frames)
  }

  listen(receive: (message: unknown) => void): void {
    this.#receive = receive
  }

  close(): void {
    this.isClosed = true
  }

  say(message: HelperMessage): void {
    this.#receive(message)
  }

  /** Confirms what begins with `good`. */
  answer(): void {
    const next = this.asked.shift()
    if (next === undefined) throw new Error("nothing was asked")
    const verdicts = next.frames.map((frame) => frame.startsWith("good"))
    this.say({ type: "verdicts", id: next.id, verdicts })
  }
}

const timers = {
  setTimeout: (run: () => void, milliseconds: number) => setTimeout(run, milliseconds),
  clearTimeout: (timer: ReturnType<typeof setTimeout>) => clearTimeout(timer),
}

describe("a helper for signatures", () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  function attached() {
    const [frames, helper] = [new FrameHelper(timers), new Helper()]
    frames.attach(helper)
    return { frames, helper }
  }

  test("is not asked before it is ready", () => {
    const { frames, helper } = attached()
    expect(frames.confirm("good")).toBeUndefined()
    helper.say({ type: "ready" })
    expect(frames.confirm("good")).toBeInstanceOf(Promise)
    expect(new FrameHelper(timers).confirm("good")).toBeUndefined()
  })

  test("two messages are on their way, and what comes meanwhile goes together", async () => {
    const { frames, helper } = attached()
    helper.say({ type: "ready" })
    const answers = ["good 1", "bad 2", "good 3", "bad 4"].map((frame) => frames.confirm(frame))
    expect(helper.asked.map((each) => each.frames)).toEqual([["good 1"], ["bad 2"]])
    helper.answer()
    expect(helper.asked.map((each) => each.frames)).toEqual([["bad 2"], ["good 3", "bad 4"]])
    helper.answer()
    helper.answer()
    expect(await Promise.all(answers.map((answer) => Promise.resolve(answer)))).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  test("full messages do not wait for answers", () => {
    const { frames, helper } = attached()
    helper.say({ type: "ready" })
    for (let i = 0; i < 200; i++) void frames.confirm(`good ${i}`)
    expect(helper.asked.map((each) => each.frames.length)).toEqual([1, 1, 64, 64, 64])
    helper.answer()
    helper.answer()
    expect(helper.asked.map((each) => each.frames.length)).toEqual([64, 64, 64])
    for (let i = 0; i < 3; i++) helper.answer()
    expect(helper.asked.map((each) => each.frames.length)).toEqual([6])
  })

  test("large frames go alone, and beyond a number nobody waits", () => {
    const { frames, helper } = attached()
    helper.say({ type: "ready" })
    const large = "x".repeat(1024 * 1024)
    for (const frame of ["1", "2", large, large, "5", "6"]) void frames.confirm(frame)
    for (let i = 0; i < 3; i++) helper.answer()
    expect(helper.asked.map((each) => each.frames.length)).toEqual([1, 2])

    const waiting = Array.from({ length: 2000 }, (_, i) => frames.confirm(`${i}`))
    expect(waiting.filter((each) => each !== undefined).length).toBeLessThan(1_100)
    expect(waiting.at(-1)).toBeUndefined()
  })

  test("one that falls silent confirms nothing, and is asked again once it speaks", async () => {
    const { frames, helper } = attached()
    helper.say({ type: "ready" })
    const answers = ["good 1", "good 2", "good 3"].map((frame) => frames.confirm(frame))
    await vi.advanceTimersByTimeAsync(3_000)
    expect(await Promise.all(answers.map((answer) => Promise.resolve(answer)))).toEqual([
      false,
      false,
      false,
    ])
    expect(frames.confirm("good")).toBeUndefined()
    helper.answer()
    expect(frames.confirm("good")).toBeInstanceOf(Promise)
  })

  test("one that goes confirms nothing, and the next one is asked", async () => {
    const { frames, helper } = attached()
    helper.say({ type: "ready" })
    const answer = frames.confirm("good")
    frames.detach()
    expect(await answer).toBe(false)
    expect(helper.isClosed).toBe(true)
    const other = new Helper()
    frames.attach(other)
    helper.say({ type: "ready" })
    expect(frames.confirm("good")).toBeUndefined()
    other.say({ type: "ready" })
    const next = frames.confirm("good")
    other.answer()
    expect(await next).toBe(true)
  })

  test("an answer that is too short, or for nothing, confirms nothing", async () => {
    const { frames, helper } = attached()
    helper.say({ type: "ready" })
    const answer = frames.confirm("good")
    helper.say({ type: "verdicts", id: 99, verdicts: [true] })
    helper.say({ type: "verdicts", id: helper.asked[0]?.id ?? 0, verdicts: [] })
    expect(await answer).toBe(false)
  })
})
