import fc from "fast-check"
import { expect, test } from "vitest"
import { CountMap } from "./count-map.ts"

test("a count map agrees with counting, across rebuilds, and keeps its predecessors", () => {
  const step = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: -2, max: 2 })), { maxLength: 80 })
  /** Of a large group's members all at once, before anything is counted. */
  const members = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 2 })), {
    maxLength: 160,
    size: "max",
  })
  fc.assert(
    fc.property(members, fc.array(step, { maxLength: 12 }), (first, further) => {
      const steps = [first, ...further]
      const model = new Map<string, number>()
      const versions: { readonly map: CountMap; readonly expected: Map<string, number> }[] = []
      let map = CountMap.empty
      for (const differences of steps) {
        const change = new Map<string, number>()
        for (const [key, difference] of differences) {
          const before = model.get(String(key)) ?? 0
          const after = Math.max(0, before + difference)
          if (change.has(String(key))) continue
          change.set(String(key), after - before)
          model.set(String(key), after)
        }
        map = map.plus(change)
        versions.push({ map, expected: new Map(model) })
      }
      for (const version of versions) {
        const positive = [...version.expected].filter(([, count]) => count > 0)
        for (const [key, count] of version.expected) expect(version.map.count(key)).toBe(count)
        expect([...version.map.keys()].sort()).toEqual(positive.map(([key]) => key).sort())
        expect(version.map.repeated).toBe(positive.filter(([, count]) => count > 1).length)
      }
    }),
    { numRuns: 60 },
  )
})
