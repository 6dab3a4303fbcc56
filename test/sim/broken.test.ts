// The simulator can fail: engines and relays that are broken on purpose are each found out by the property that is for
// them.

import { describe, expect, test } from "vitest"
import { marmotEngine } from "../../src/client/engine.ts"
import type { Engine } from "../../src/client/engine.ts"
import type { Effect, MarmotGroup } from "../../src/marmot/engine-types.ts"
import type { Rumor } from "../../src/nostr/event.ts"
import type { Property } from "./failure.ts"
import type { Item, Plan } from "./plan.ts"
import { simulate } from "./simulate.ts"
import type { World, WorldOptions } from "./world.ts"

/** Three devices that talk, rename, and remove one of them. */
function planWith(...items: readonly Item[]): Plan {
  const usual: readonly Item[] = [
    { at: 1_000, type: "send", by: 0, times: 3 },
    { at: 2_000, type: "send", by: 1, times: 3 },
    { at: 5_000, type: "rename", by: 0 },
    { at: 9_000, type: "send", by: 0, times: 1 },
    { at: 12_000, type: "selfUpdate", by: 1 },
    { at: 20_000, type: "remove", by: 0, subject: 2 },
    { at: 30_000, type: "send", by: 1, times: 2 },
    ...items,
  ]
  return {
    seed: 1,
    accounts: [0, 1, 2],
    skews: [0, 0, 0],
    relays: 1,
    founders: [1, 2],
    admins: [],
    malicious: [],
    phases: [usual.toSorted((a, b) => a.at - b.at)],
  }
}

async function found(options: WorldOptions, plan = planWith()): Promise<ReadonlySet<Property>> {
  const { failures } = await simulate(plan, options)
  return new Set(failures.map(({ property }) => property))
}

/** Device 1, or every one, has an engine whose steps end in another way. */
function brokenSteps(
  change: (effects: readonly Effect[], group: MarmotGroup) => readonly Effect[],
  isBroken: (index: number) => boolean = (index) => index === 1,
): WorldOptions {
  const engine: Engine = {
    ...marmotEngine,
    apply: async (group, input, env) => {
      const step = await marmotEngine.apply(group, input, env)
      return { ...step, effects: change(step.effects, step.group) }
    },
  }
  return { engineOf: (index) => (isBroken(index) ? engine : marmotEngine) }
}

const mapDelivered = (
  change: (event: Rumor) => readonly Rumor[],
  isBroken?: (index: number) => boolean,
) =>
  brokenSteps(
    (effects) =>
      effects.flatMap((effect) =>
        effect.type === "deliver" && !effect.own
          ? change(effect.event).map((event) => ({ ...effect, event }))
          : [effect],
      ),
    isBroken,
  )

describe("a run of the simulator", () => {
  test("finds nothing where nothing is broken", async () => {
    expect(await found({})).toEqual(new Set())
  })

  test("is the same run each time", async () => {
    const plan = planWith({
      at: 900,
      type: "noise",
      lose: 0.3,
      duplicate: 0.3,
      delay: 0.3,
      lasts: 9_000,
    })
    const lines = async () => {
      const told: string[] = []
      const { counts } = await simulate(plan, { tell: (line) => told.push(line) })
      return [...told, JSON.stringify(counts)]
    }
    const first = await lines()
    expect(first.length).toBeGreaterThan(50)
    expect(await lines()).toEqual(first)
  })

  test("finds a device that does not follow", async () => {
    const deaf: Engine = {
      ...marmotEngine,
      apply: (group, input, env) =>
        input.type === "event" || input.type === "events"
          ? Promise.resolve({ group, effects: [] })
          : marmotEngine.apply(group, input, env),
    }
    const options = { engineOf: (index: number) => (index === 1 ? deaf : marmotEngine) }
    expect(await found(options)).toContain("divergent")
  })

  test("finds lost messages", async () => {
    let number = 0
    expect(await found(mapDelivered((event) => (number++ % 3 === 1 ? [] : [event])))).toEqual(
      new Set(["lost"]),
    )
  })

  const left: readonly Item[] = [{ at: 16_000, type: "leave", by: 2 }]
  const removed: readonly Item[] = [{ at: 16_000, type: "remove", by: 0, subject: 2 }]
  const again: readonly Item[] = [...removed, { at: 24_000, type: "invite", by: 0, subject: 2 }]
  /** Device 2 talks, `items` happen to it, and nobody shows what it has said. */
  async function unheard(items: readonly Item[], options: Pick<WorldOptions, "atEnd"> = {}) {
    const usual = planWith({ at: 3_000, type: "send", by: 2, times: 3 }, ...items)
    const phases = usual.phases.map((all) =>
      all.filter((item) => item.type !== "remove" || items.includes(item)),
    )
    expect(await found({}, { ...usual, phases })).toEqual(new Set())
    const deaf = mapDelivered(
      (event) => (event.content.endsWith("of d2") ? [] : [event]),
      () => true,
    )
    const { failures } = await simulate({ ...usual, phases }, { ...deaf, ...options })
    return failures.map(({ property }) => property)
  }
  /** Three messages, and two others. */
  const six = Array.from({ length: 6 }, () => "lost")

  test.each([
    ["leaves", left],
    ["is removed", removed],
    ["is removed and invited again", again],
  ])("finds what nobody shows of one who %s", async (_, items) => {
    expect(await unheard(items)).toEqual(six)
  })

  test.each([
    ["asks it of one who leaves, though no relay has it", left, six],
    ["does not ask it of one who is removed, where no relay has it", removed, []],
  ])("%s", async (_, items, expected) => {
    const atEnd = ({ relays }: World) => relays.forEach((each) => each.forget(1))
    expect(await unheard(items, { atEnd })).toEqual(expected)
  })

  const late: Item = { at: 19_900, type: "send", by: 2, times: 1 }
  test.each([
    ["finds what is lost of one who was removed then", 2, 0, ["lost"]],
    ["finds what is lost of one who stayed, though it came beyond its window", 0, 6, ["lost"]],
    ["counts what came beyond its window, of one who was removed then", 2, 6, []],
  ])("%s", async (_, author, epochs, properties) => {
    const { engineOf } = mapDelivered((event) =>
      event.content.endsWith(`of d${author}`) ? [] : [event],
    )
    const { failures, counts } = await simulate(planWith(late), {
      ...(engineOf === undefined ? {} : { engineOf }),
      atEnd: ({ devices: [, { watched } = {}] }) => {
        for (const [id, epoch] of watched?.arrivals ?? []) watched?.arrivals.set(id, epoch + epochs)
      },
    })
    expect([...new Set(failures.map(({ property }) => property))]).toEqual(properties)
    const count = counts["messages of a removed author that came beyond their window"]
    expect(count).toBe(properties.length === 0 ? 1 : undefined)
  })

  test("finds messages that are shown twice", async () => {
    const twice = mapDelivered((event) => [event, { ...event, id: event.id.replace(/^./, "g") }])
    expect(await found(twice)).toContain("duplicated")
  })

  test("finds another order", async () => {
    const shuffled = mapDelivered((event) => [{ ...event, created_at: event.created_at - 3_600 }])
    expect(await found(shuffled)).toEqual(new Set(["order"]))
  })

  test("finds what a removed member reads", async () => {
    const news: Effect[] = []
    const spied: Engine = {
      ...marmotEngine,
      apply: async (group, input, env) => {
        const step = await marmotEngine.apply(group, input, env)
        news.push(...step.effects.filter(({ type }) => type === "deliver"))
        return step
      },
    }
    let now = 0
    const spy: Engine = {
      ...marmotEngine,
      apply: async (group, input, env) => {
        now = env.now
        const step = await marmotEngine.apply(group, input, env)
        return { ...step, effects: [...step.effects, ...news.splice(0)] }
      },
      // It goes on looking for news.
      nextWake: () => now + 1_000,
    }
    const options = { engineOf: (index: number) => (index === 2 ? spy : spied) }
    expect(await found(options)).toContain("leaked")
  })

  test("finds secrets that a removed member holds", async () => {
    const options: WorldOptions = {
      atEnd: ({ devices }) => {
        const [member, , removed] = devices
        for (const secret of member?.watched.held ?? []) removed?.watched.held.add(secret)
      },
    }
    expect(await found(options)).toEqual(new Set(["leaked"]))
  })

  test("finds what waits for ever", async () => {
    const mute = brokenSteps((effects) =>
      effects.filter((effect) => effect.type !== "publish" || effect.purpose !== "application"),
    )
    expect(await found(mute)).toContain("stuck")
  })

  test("finds a departure that never comes to an end", async () => {
    const mute = brokenSteps((effects) =>
      effects.filter((effect) => effect.type !== "publish" || effect.purpose !== "proposal"),
    )
    const plan = planWith({ at: 40_000, type: "leave", by: 1 })
    expect(await found(mute, plan)).toEqual(new Set(["stuck"]))
  })

  test("finds a change by somebody who may not make it", async () => {
    const options: WorldOptions = {
      atEnd: ({ witness, devices }) => {
        for (const state of witness.states.values()) {
          if (state.name.startsWith("name")) state.committer = devices[1]?.pubkey
        }
      },
    }
    expect(await found(options)).toEqual(new Set(["rule"]))
  })

  test("finds states that are never released", async () => {
    const hoarder: Engine = {
      ...marmotEngine,
      apply: async (group, input, env) => {
        const step = await marmotEngine.apply(group, input, env)
        const states = new Map([...group.states, ...step.group.states])
        return { ...step, group: { ...step.group, states } }
      },
    }
    const updates = Array.from({ length: 10 }, (_, index): Item => ({
      at: 40_000 + index * 4_000,
      type: "selfUpdate",
      by: 0,
    }))
    const options = { engineOf: (index: number) => (index === 1 ? hoarder : marmotEngine) }
    expect(await found(options, planWith(...updates))).toContain("unbounded")
  })

  test("finds what the engine throws", async () => {
    const broken: Engine = {
      ...marmotEngine,
      apply: (group, input, env) =>
        input.type === "tick"
          ? Promise.reject(new TypeError("a defect of a test"))
          : marmotEngine.apply(group, input, env),
    }
    expect(await found({ engineOf: () => broken })).toContain("defect")
  })

  test("finds messages that the only relay has lost", async () => {
    const plan = planWith(
      { at: 8_000, type: "stop", by: 1, off: 30_000 },
      { at: 10_000, type: "forget", relay: 0, share: 1 },
    )
    expect(await found({}, plan)).toContain("lost")
  })
})
