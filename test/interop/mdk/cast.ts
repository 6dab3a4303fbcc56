// Who plays, and the steps of one story.

import type { Member } from "./member.ts"

export interface Cast {
  /** Creates the group. */
  readonly founder: Member
  /** There from the start, later an admin. */
  readonly friend: Member
  /** Added by the founder, and leaves by itself. */
  readonly third: Member
  /** Added by the friend, removed, and invited again. */
  readonly fourth: Member
}

/** What a part of a story is told with. */
export interface Scene {
  readonly cast: Cast
  readonly groupId: string
  /** Where the group's events go, and where else they could. */
  readonly relays: readonly [string, string]
  /** A folder for files. */
  readonly scratch: string
  readonly step: (name: string, run: () => Promise<void>) => Promise<void>
}

export const everybody = ({ founder, friend, third, fourth }: Cast) => [
  founder,
  friend,
  third,
  fourth,
]
