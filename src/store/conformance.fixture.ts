// What every store has to do, as cases without a test runner: Node's unit tests run them, and so can a page.

import {
  contains,
  decode,
  encode,
  equal,
  key,
  lcg,
  onSealed,
  onStore,
  put,
  rejects,
  remove,
  same,
  sorts,
  text,
} from "./conformance-kit.fixture.ts"
import type { ConformanceCase } from "./conformance-kit.fixture.ts"
import { SealedStore } from "./sealed-store.ts"
import { Sealer, sealOverhead } from "./sealing.ts"
import { tableNames } from "./types.ts"
import type { RangeOptions, TableName } from "./types.ts"

export const conformanceCases: readonly ConformanceCase[] = [
  {
    name: "a value comes back, and nothing where nothing is",
    run: onStore(async (store) => {
      equal(await store.get("groups", key("a", "1")), undefined)
      equal(await store.range("groups", "a"), [])
      await store.batch([put("groups", "a", "1", "one"), put("groups", "a", "empty", "")])
      equal(await text(store, "groups", "a", "1"), "one")
      equal(await text(store, "groups", "a", "empty"), "")
      equal(await store.get("groups", key("a", "2")), undefined)
      equal(await store.get("groups", key("b", "1")), undefined)
      equal(await store.get("epochs", key("a", "1")), undefined)
    }),
  },
  {
    name: "every table keeps its own",
    run: onStore(async (store) => {
      await store.batch(tableNames.map((table) => put(table, "s", "k", table)))
      for (const table of tableNames) equal(await text(store, table, "s", "k"), table)
    }),
  },
  {
    name: "keys of any text, told apart",
    run: onStore(async (store) => {
      const names = ["", "a", "A", "a/b", "a\u0000", "\u0000", "é", "e\u0301", "😀", "\uffff", "[]"]
      const ops = names.flatMap((scope) =>
        names.map((sort) => put("meta", scope, sort, `${scope}|${sort}`)),
      )
      await store.batch(ops)
      const sorted = [...names].sort()
      for (const scope of names) {
        const rows = await store.range("meta", scope)
        equal(
          rows.map(({ sort }) => sort),
          sorted,
        )
        equal(
          rows.map(({ value }) => decode(value)),
          sorted.map((sort) => `${scope}|${sort}`),
        )
      }
    }),
  },
  {
    name: "replace and delete; the last operation on a key counts",
    run: onStore(async (store) => {
      await store.batch([put("meta", "s", "1", "a"), put("meta", "s", "2", "b")])
      await store.batch([put("meta", "s", "1", "c"), remove("meta", "s", "2")])
      await store.batch([remove("meta", "s", "never")])
      equal(await sorts(store), ["1"])
      equal(await text(store, "meta", "s", "1"), "c")
      await store.batch([put("meta", "s", "3", "x"), remove("meta", "s", "3")])
      await store.batch([remove("meta", "s", "4"), put("meta", "s", "4", "y")])
      await store.batch([put("meta", "s", "4", "z"), put("meta", "s", "4", "last")])
      equal(await sorts(store), ["1", "4"])
      equal(await text(store, "meta", "s", "4"), "last")
      await store.batch([])
    }),
  },
  {
    name: "ranges: bounds, limits, both directions",
    run: onStore(async (store) => {
      await store.batch(["c", "a", "e", "b", "d"].map((sort) => put("meta", "s", sort, sort)))
      await store.batch([put("meta", "r", "x", "x"), put("meta", "t", "x", "x")])
      const cases: readonly [RangeOptions, string][] = [
        [{}, "abcde"],
        [{ reverse: true }, "edcba"],
        [{ limit: 2 }, "ab"],
        [{ limit: 2, reverse: true }, "ed"],
        [{ limit: 1, reverse: true }, "e"],
        [{ limit: 0 }, ""],
        [{ limit: 9 }, "abcde"],
        [{ limit: 9, reverse: true }, "edcba"],
        [{ limit: Number.MAX_SAFE_INTEGER, reverse: true }, "edcba"],
        [{ after: "b" }, "cde"],
        [{ before: "d" }, "abc"],
        [{ after: "a", before: "e" }, "bcd"],
        [{ after: "a", before: "e", limit: 2 }, "bc"],
        [{ after: "a", before: "e", limit: 2, reverse: true }, "dc"],
        [{ after: "aa", before: "dd", reverse: true }, "dcb"],
        [{ after: "c", before: "c" }, ""],
        [{ after: "d", before: "b" }, ""],
        [{ after: "c", before: "d", limit: 3, reverse: true }, ""],
        [{ after: "e" }, ""],
        [{ before: "a", limit: 1, reverse: true }, ""],
        [{ after: "" }, "abcde"],
        [{ before: "" }, ""],
      ]
      for (const [options, expected] of cases) {
        equal((await sorts(store, options)).join(""), expected, JSON.stringify(options))
      }
    }),
  },
  {
    name: "what the contract forbids is refused, and changes nothing",
    run: onStore(async (store) => {
      await store.batch([put("meta", "s", "1", "before")])
      const bad = [
        put("meta", "s", "\ud800", "x"),
        put("meta", "\udfff", "1", "x"),
        put("nowhere" as TableName, "s", "1", "x"),
      ]
      for (const op of bad) {
        const ops = [put("meta", "s", "1", "after"), op, put("meta", "s", "2", "after")]
        await rejects("misuse", store.batch(ops))
        await rejects("misuse", store.get(op.table, op.key))
      }
      await rejects("misuse", store.range("meta", "s", { limit: -1 }))
      await rejects("misuse", store.range("meta", "s", { limit: 1.5 }))
      equal(await sorts(store), ["1"])
      equal(await text(store, "meta", "s", "1"), "before")
    }),
  },
  {
    name: "batches that are called together apply in order, each for itself",
    run: onStore(async (store) => {
      const ended: number[] = []
      const calls = Array.from({ length: 40 }, (_, n) => {
        // Early batches are large: sealing them ends late.
        const bulk = { ...put("epochs", "s", `${n}`, ""), value: new Uint8Array((40 - n) * 5_000) }
        return store.batch([put("meta", "s", "n", `${n}`), bulk]).then(() => ended.push(n))
      })
      const failing = store.batch([put("meta", "s", "\ud800", "x")])
      const last = store.batch([put("meta", "s", "after", "x")])
      await rejects("misuse", failing)
      await Promise.all([...calls, last])
      equal(
        ended,
        calls.map((_, n) => n),
      )
      equal(await text(store, "meta", "s", "n"), "39")
      equal(await text(store, "meta", "s", "after"), "x")
      equal((await store.range("epochs", "s")).length, 40)
    }),
  },
  {
    name: "values belong to the caller before and after",
    run: onStore(async (store) => {
      const value = encode("secret")
      const done = store.batch([{ table: "meta", key: key("s", "1"), value }])
      value.fill(0)
      await done
      const first = await store.get("meta", key("s", "1"))
      first?.fill(0)
      equal(await text(store, "meta", "s", "1"), "secret")
      const inside = encode("--inside--").subarray(2, 8)
      await store.batch([{ table: "meta", key: key("s", "2"), value: inside }])
      equal(await text(store, "meta", "s", "2"), "inside")
    }),
  },
  {
    name: "large values",
    run: onStore(async (store) => {
      const large = new Uint8Array(5 * 1024 * 1024).map((_, n) => n * 31)
      const ops = ["1", "2"].map((sort) => ({ ...put("epochs", "s", sort, ""), value: large }))
      await store.batch(ops)
      await store.batch([put("epochs", "s", "3", "small")])
      equal(same(await store.get("epochs", key("s", "1")), large), true)
      const rows = await store.range("epochs", "s")
      equal(
        rows.map(({ value }) => value.length),
        [large.length, large.length, 5],
      )
    }),
  },
  {
    name: "10,000 keys, page by page in both directions",
    run: onStore(async (store) => {
      const names = Array.from({ length: 10_000 }, (_, n) => `${n}`.padStart(5, "0"))
      const shuffled = names.map((_, n) => names[(n * 7_919) % names.length] ?? "")
      for (let n = 0; n < shuffled.length; n += 1_000) {
        await store.batch(shuffled.slice(n, n + 1_000).map((sort) => put("meta", "s", sort, sort)))
      }
      equal(await sorts(store), names)
      const forward: string[] = []
      for (let after = ""; ; after = forward.at(-1) ?? "") {
        const page = await sorts(store, { after, limit: 256 })
        if (page.length === 0) break
        forward.push(...page)
      }
      equal(forward, names)
      const backward = await sorts(store, { reverse: true, limit: 256 })
      while (backward.length < names.length) {
        backward.push(
          ...(await sorts(store, { reverse: true, limit: 256, before: backward.at(-1) ?? "" })),
        )
      }
      equal(backward.reverse(), names)
    }),
  },
  {
    name: "random batches and ranges agree with a plain map",
    run: onStore(async (store) => {
      const next = lcg(7)
      const model = new Map<string, string>()
      for (let round = 0; round < 60; round++) {
        const ops = Array.from({ length: next(8) }, (_, n) => {
          const sort = `${next(40)}`
          if (next(3) === 0) {
            model.delete(sort)
            return remove("meta", "s", sort)
          }
          model.set(sort, `${round}.${n}`)
          return put("meta", "s", sort, `${round}.${n}`)
        })
        await store.batch(ops)
        const options: RangeOptions = {
          ...(next(2) === 0 ? {} : { after: `${next(40)}` }),
          ...(next(2) === 0 ? {} : { before: `${next(40)}` }),
          ...(next(2) === 0 ? {} : { limit: next(12) }),
          reverse: next(2) === 0,
        }
        const rows = await store.range("meta", "s", options)
        const expected = [...model.keys()]
          .sort()
          .filter((sort) => options.after === undefined || sort > options.after)
          .filter((sort) => options.before === undefined || sort < options.before)
        if (options.reverse === true) expected.reverse()
        equal(
          rows.map(({ sort, value }) => [sort, decode(value)]),
          expected.slice(0, options.limit).map((sort) => [sort, model.get(sort)]),
          JSON.stringify(options),
        )
      }
    }),
  },
  {
    name: "what was acknowledged is there after closing and opening",
    async run(open) {
      const store = await SealedStore.open(await open())
      await store.batch([put("meta", "s", "1", "a"), put("groups", "g", "1", "b")])
      const late = store.batch([put("meta", "s", "2", "c"), remove("groups", "g", "1")])
      await Promise.all([store.close(), late])
      const again = await SealedStore.open(await open())
      equal(await sorts(again), ["1", "2"])
      equal(await text(again, "meta", "s", "1"), "a")
      equal(await again.get("groups", key("g", "1")), undefined)
      await again.close()
    },
  },
  {
    name: "a closed store says so",
    async run(open) {
      const store = await SealedStore.open(await open())
      await store.batch([put("meta", "s", "1", "a")])
      await store.close()
      await store.close()
      await rejects("closed", store.get("meta", key("s", "1")))
      await rejects("closed", store.range("meta", "s"))
      await rejects("closed", store.batch([put("meta", "s", "1", "b")]))
      await rejects("closed", store.batch([]))
    },
  },
  {
    name: "a destroyed store is empty when it is opened again, and has another key",
    async run(open) {
      const driver = await open()
      const token = (await Sealer.create(await driver.dataKey())).token("meta", "s")
      const store = await SealedStore.open(driver)
      await store.batch([put("meta", "s", "1", "a")])
      await store.destroy()
      await store.destroy()
      await rejects("closed", store.get("meta", key("s", "1")))
      const again = await open()
      const newToken = (await Sealer.create(await again.dataKey())).token("meta", "s")
      equal(newToken === token, false)
      equal(await (await SealedStore.open(again)).range("meta", "s"), [])
      await again.close()
    },
  },
  {
    name: "records lie sealed: no value or scope in the clear, no two alike",
    run: onSealed(async ({ store, driver, sealer }) => {
      await store.batch([put("meta", "scope", "1", "plain"), put("meta", "scope", "2", "plain")])
      const rows = await driver.range("meta", sealer.token("meta", "scope"), {})
      equal(
        rows.map(({ value }) => value.length),
        [5 + sealOverhead, 5 + sealOverhead],
      )
      const [first, second] = rows.map(({ value }) => [...value].join())
      equal(first === second, false)
      equal(
        rows.some(({ value }) => contains(value, encode("plain"))),
        false,
      )
      equal(/^[0-9a-f]{32}$/.test(sealer.token("meta", "scope")), true)
      equal(sealer.token("meta", "scope") === sealer.token("groups", "scope"), false)
      equal(sealer.token("meta", "scope") === sealer.token("meta", "scopf"), false)
    }),
  },
  {
    name: "a changed record is tampered with: every byte, every length",
    run: onSealed(async ({ store, driver, sealer }) => {
      await store.batch([put("meta", "s", "1", "value")])
      const token = sealer.token("meta", "s")
      const sealed = await driver.get("meta", token, "1")
      if (sealed === undefined) throw new Error("no record")
      const flipped = [...sealed.keys()].map((at) =>
        sealed.map((byte, n) => (n === at ? byte ^ (1 << (at % 8)) : byte)),
      )
      const cut = [...sealed.keys()].map((length) => sealed.slice(0, length))
      const longer = new Uint8Array([...sealed, 0])
      const older = sealed.map((byte, n) => (n === 0 ? 0 : byte))
      for (const value of [...flipped, ...cut, longer, older]) {
        await driver.write([{ table: "meta", token, sort: "1", value }])
        await rejects("tampered", store.get("meta", key("s", "1")))
        await rejects("tampered", store.range("meta", "s"))
      }
      await driver.write([{ table: "meta", token, sort: "1", value: sealed }])
      equal(await text(store, "meta", "s", "1"), "value")
    }),
  },
  {
    name: "a moved record is tampered with: to another key, scope or table, or from another store",
    run: onSealed(async ({ store, driver, sealer }) => {
      await store.batch([put("meta", "s", "1", "value")])
      const value = await driver.get("meta", sealer.token("meta", "s"), "1")
      const write = (table: TableName, scope: string, sort: string, sealed = value) =>
        driver.write([{ table, token: sealer.token(table, scope), sort, value: sealed }])
      await write("meta", "s", "2")
      await rejects("tampered", store.get("meta", key("s", "2")))
      await write("meta", "t", "1")
      await rejects("tampered", store.get("meta", key("t", "1")))
      await write("account", "s", "1")
      await rejects("tampered", store.get("account", key("s", "1")))
      // The bytes of table, scope and sort in another division.
      await write("meta", "", "s1")
      await rejects("tampered", store.get("meta", key("", "s1")))
      const other = await Sealer.create(
        await crypto.subtle.importKey("raw", new Uint8Array(32), "HKDF", false, [
          "deriveKey",
          "deriveBits",
        ]),
      )
      await write("meta", "s", "1", await other.seal("meta", key("s", "1"), encode("value")))
      await rejects("tampered", store.get("meta", key("s", "1")))
    }),
  },
]
