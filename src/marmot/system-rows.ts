// Marmot application messages, kind 1210 (marmot-wire §8.2): rows that tell of an accepted Commit.

import { eventId, type Rumor } from "../nostr/event.ts"
import type { GroupChange } from "./engine-types.ts"
import { kinds } from "./registry.ts"

/** The row types, and the English text that stands in for those who don't render from the data. */
const TEXTS = {
  member_added: "Member added",
  member_removed: "Member removed",
  member_left: "Member left",
  admin_added: "Admin added",
  admin_removed: "Admin removed",
  group_renamed: "Group renamed",
  group_avatar_changed: "Group avatar changed",
  disappearing_timer_changed: "Disappearing timer changed",
  group_disbanded: "Group disbanded",
} as const

export type SystemRowType = keyof typeof TEXTS

export interface SystemRow {
  readonly type: SystemRowType
  /** Account of the committer, 64 hex; of a `member_left`, the leaver. */
  readonly actor: string
  /** Account that was added, removed or left; or that became or ceased to be an admin. */
  readonly subject?: string
  readonly name?: string
  readonly oldName?: string
  /** Seconds; 0: messages stay. */
  readonly retention?: { readonly before: number; readonly after: number }
}

/** The row that tells of a change; `undefined` where the specification has none for it. */
export function systemRowOf(change: GroupChange): SystemRow | undefined {
  switch (change.type) {
    case "member_added":
    case "member_removed":
    case "admin_added":
    case "admin_removed":
    case "group_disbanded":
    case "group_avatar_changed":
      return change
    case "member_left":
      return { ...change, actor: change.subject }
    case "group_renamed":
      return change
    case "disappearing_timer_changed": {
      const { type, actor, before, after } = change
      return { type, actor, retention: { before, after } }
    }
    case "description_changed":
    case "routing_changed":
      return undefined
  }
}

/**
 * The row as an event that is known by its `systemRowId`. It is made here from a Commit and never sent; `seenAt` in
 * milliseconds.
 */
export function systemRowEvent(
  groupId: string,
  {
    epoch,
    seenAt,
    row,
  }: { readonly epoch: number; readonly seenAt: number; readonly row: SystemRow },
): Rumor {
  return {
    id: systemRowId(groupId, epoch, row),
    pubkey: row.actor,
    created_at: Math.floor(seenAt / 1000),
    kind: kinds.systemRow,
    tags: [["system", row.type]],
    content: systemRowContent(row),
  }
}

/** The content of the row: what it says, and a text for those who can't read that. */
export function systemRowContent(row: SystemRow): string {
  const { type, actor, subject, name, oldName, retention } = row
  // Members in alphabetical order, as in the content that the row's id covers elsewhere.
  const data = {
    actor,
    name,
    new_retention_seconds: retention?.after,
    old_name: oldName,
    old_retention_seconds: retention?.before,
    subject,
  }
  return JSON.stringify({ v: 1, system_type: type, text: TEXTS[type], data })
}

/**
 * The id under which every device knows the row: an event id in which the epoch stands for the time, and the group id
 * (hex) and U+001F come before the content. Such an event is never sent.
 */
export function systemRowId(groupId: string, epoch: number, row: SystemRow): string {
  return eventId({
    pubkey: row.actor,
    created_at: epoch,
    kind: kinds.systemRow,
    tags: [["system", row.type]],
    content: `${groupId}\u001f${systemRowContent(row)}`,
  })
}
