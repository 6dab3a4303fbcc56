// What both implementations can do, in one set of words, so that each step can be told with either in each part.

export interface GroupFacts {
  readonly name: string
  readonly epoch: number
  /** Public keys in hex, sorted. */
  readonly members: readonly string[]
  readonly admins: readonly string[]
}

export interface Settings {
  readonly retentionSeconds?: number
  readonly relays?: readonly string[]
  /** Another random routing id. */
  readonly newAddress?: boolean
}

export interface Said {
  readonly messageId: string
  readonly from: string
  readonly text: string
  readonly replyTo?: string
  /** Emoji and who gave it, sorted. */
  readonly reactions: readonly string[]
  readonly deleted: boolean
}

/** A file in a message: how each implementation names it. */
export interface SentFile {
  readonly messageId: string
  /** Of the bytes before encryption, in hex. */
  readonly sha256: string
}

export interface Member {
  readonly name: string
  readonly software: "burrow" | "mdk"
  readonly pubkey: string
  createGroup(name: string, members: readonly Member[]): Promise<string>
  /** Waits for the invitation to this group and accepts it. */
  accept(groupId: string): Promise<void>
  invite(groupId: string, members: readonly Member[]): Promise<void>
  remove(groupId: string, members: readonly Member[]): Promise<void>
  rename(groupId: string, name: string): Promise<void>
  promote(groupId: string, member: Member): Promise<void>
  /** Oneself, or someone else. */
  demote(groupId: string, member: Member): Promise<void>
  selfUpdate(groupId: string): Promise<void>
  leave(groupId: string): Promise<void>
  /** What MDK's `wn` has no commands for: the founder does it on ours. */
  change(groupId: string, settings: Settings): Promise<void>
  disband(groupId: string): Promise<void>
  /** URLs, sorted. */
  relays(groupId: string): Promise<readonly string[]>
  send(groupId: string, text: string, replyTo?: string): Promise<void>
  react(groupId: string, messageId: string, emoji: string): Promise<void>
  edit(groupId: string, messageId: string, text: string): Promise<void>
  erase(groupId: string, messageId: string): Promise<void>
  /** The text of the message is the caption. */
  sendFile(groupId: string, path: string, caption: string): Promise<void>
  /** Fetches, decrypts and writes it. */
  fetchFile(groupId: string, file: SentFile, path: string): Promise<void>
  facts(groupId: string): Promise<GroupFacts>
  /** Chat messages, oldest first, as the user sees them. */
  said(groupId: string): Promise<readonly Said[]>
  /** Still in the group, by its own account. */
  isMember(groupId: string): Promise<boolean>
  start(): Promise<void>
  /** In good order. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
}
