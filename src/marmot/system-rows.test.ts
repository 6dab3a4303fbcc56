import { describe, expect, test } from "vitest"
import type { GroupChange } from "./engine-types.ts"
import {
  type SystemRow,
  systemRowContent,
  systemRowEvent,
  systemRowId,
  systemRowOf,
} from "./system-rows.ts"

const GROUP = "22".repeat(32)
const actor = "aa".repeat(32)
const subject = "bb".repeat(32)

/** Pinned by the Rust reference (marmot-wire §15.2) for epoch 3. */
const pinned: readonly (readonly [SystemRow, string])[] = [
  [
    { type: "member_added", actor, subject },
    "71b369c949fcb272ef975b2969b2efb426143bc70fe8e1c9c56f6c7f6cde4495",
  ],
  [
    { type: "member_removed", actor, subject },
    "ec9c74bcfc1d543c9498c385c102dea2ebe55c7eaa6fc00f7f3ba6e97324b8eb",
  ],
  [
    { type: "member_left", actor: subject, subject },
    "dcc38e2561ad0a495aa40e9486d2babe7db08d1aa7d4dd45a2ffc9d9dfef6cd6",
  ],
  [
    { type: "admin_added", actor, subject },
    "54cb4ff424fea5a914d07ad0df99493709cb384834631f5f0c61cf047fddf306",
  ],
  [
    { type: "admin_removed", actor, subject },
    "5ce9dbac3ea01eeefd8d735ac691595f8f772e9f882fb9857c3fa28f296b2c5b",
  ],
  [
    { type: "group_renamed", actor, name: "Team" },
    "f6015ee8d6088f23d679bbc3e85ce02d43af85fed350cecca3d11adf5077b883",
  ],
  [
    { type: "group_avatar_changed", actor },
    "db1158ef961902a3f979dc2d8cdf2aba51b1d2568b83e12820490b853188dc40",
  ],
  [
    { type: "disappearing_timer_changed", actor, retention: { before: 0, after: 60 } },
    "94c4a1dfc205b1cb52ec17e29d5a33a007a0769046356aaab47edc49bb909b66",
  ],
]

describe("ids of system rows", () => {
  for (const [row, id] of pinned) {
    test(row.type, () => {
      expect(systemRowId(GROUP, 3, row)).toBe(id)
    })
  }

  test("another group, epoch, actor or name is another row", () => {
    const row: SystemRow = { type: "group_renamed", actor, name: "Team", oldName: "Before" }
    const ids = [
      systemRowId(GROUP, 3, row),
      systemRowId(actor, 3, row),
      systemRowId(GROUP, 4, row),
      systemRowId(GROUP, 3, { ...row, actor: subject }),
      systemRowId(GROUP, 3, { ...row, name: "Team " }),
      systemRowId(GROUP, 3, { ...row, oldName: "After" }),
    ]
    expect(new Set(ids).size).toBe(ids.length)
  })
})

test("the content carries type, text and data", () => {
  expect(JSON.parse(systemRowContent({ type: "group_disbanded", actor }))).toEqual({
    v: 1,
    system_type: "group_disbanded",
    text: "Group disbanded",
    data: { actor },
  })
})

describe("the row of a change", () => {
  const seenAt = 1_700_000_000_999
  const rowOf = (change: GroupChange) => {
    const row = systemRowOf(change)
    return row && systemRowEvent(GROUP, { epoch: 3, seenAt, row })
  }

  test("has the id that every device knows it by, and the time at which it was seen here", () => {
    const event = rowOf({ type: "disappearing_timer_changed", actor, before: 0, after: 60 })
    expect(event).toEqual({
      id: "94c4a1dfc205b1cb52ec17e29d5a33a007a0769046356aaab47edc49bb909b66",
      pubkey: actor,
      created_at: 1_700_000_000,
      kind: 1210,
      tags: [["system", "disappearing_timer_changed"]],
      content: JSON.stringify({
        v: 1,
        system_type: "disappearing_timer_changed",
        text: "Disappearing timer changed",
        data: { actor, new_retention_seconds: 60, old_retention_seconds: 0 },
      }),
    })
  })

  test("names the leaver as actor of a departure", () => {
    const event = rowOf({ type: "member_left", subject })
    expect(event?.id).toBe("dcc38e2561ad0a495aa40e9486d2babe7db08d1aa7d4dd45a2ffc9d9dfef6cd6")
  })

  test("is none where the specification has none", () => {
    expect(rowOf({ type: "description_changed", actor })).toBeUndefined()
    expect(rowOf({ type: "routing_changed", actor })).toBeUndefined()
  })
})
