// `messages.list`: chat messages with what later events say of them (wire §8.2): reactions, edits, deletions.

import type { ClientApi, MessageItem } from "../client/api.ts"
import { isDecoration } from "../client/chat-kinds.ts"

export interface ListedMessage {
  readonly messageId: string
  readonly pubkey: string
  readonly createdAt: number
  readonly kind: number
  readonly content: string
  readonly tags: readonly (readonly string[])[]
  readonly reactions?: readonly Reaction[]
  readonly edited?: boolean
  readonly deleted?: boolean
}

interface Reaction {
  readonly messageId: string
  readonly pubkey: string
  readonly content: string
}

const DELETE = 5
const REACTION = 7
const EDIT = 1009
const PAGE = 200

/** Clocks differ: what is said of a message may be dated before it. So many events further back are looked at for that. */
const DATED_BEFORE = 200

/** Oldest first; `before`: the id of a message, to read further back. */
export async function listMessages(
  api: Pick<ClientApi, "timeline">,
  groupId: string,
  { limit = 50, before }: { readonly limit?: number; readonly before?: string | undefined },
): Promise<readonly ListedMessage[]> {
  const decorations = new Decorations()
  const messages: MessageItem[] = []
  let reached = before === undefined
  let further = 0
  for await (const item of newestFirst(api, groupId)) {
    const isFull = messages.length >= limit
    if (isFull && further++ >= DATED_BEFORE) break
    if (isDecoration(item.kind)) decorations.add(item)
    else if (isFull) continue
    else if (reached) messages.push(item)
    else reached = item.messageId === before
  }
  return messages.reverse().map((message) => decorate(message, decorations))
}

/** Every message event of a group, from the newest on. */
export async function* newestFirst(
  api: Pick<ClientApi, "timeline">,
  groupId: string,
): AsyncGenerator<MessageItem> {
  let before: string | undefined
  do {
    const page = await api.timeline(groupId, {
      limit: PAGE,
      ...(before === undefined ? {} : { before }),
    })
    for (const item of [...page.items].reverse()) if (item.type === "message") yield item
    before = page.before
  } while (before !== undefined)
}

/** By what they are about, newest first, as they are added. */
class Decorations {
  readonly #about = new Map<string, MessageItem[]>()

  add(item: MessageItem): void {
    for (const target of new Set(targetsOf(item))) {
      const known = this.#about.get(target)
      if (known === undefined) this.#about.set(target, [item])
      else known.push(item)
    }
  }

  of(messageId: string, kind: number): readonly MessageItem[] {
    return (this.#about.get(messageId) ?? []).filter((each) => each.kind === kind)
  }

  /** Only authors delete what they have said. */
  isDeleted({ messageId, author }: MessageItem): boolean {
    return this.of(messageId, DELETE).some((each) => each.author.pubkey === author.pubkey)
  }
}

function decorate(message: MessageItem, decorations: Decorations): ListedMessage {
  const { messageId, author, createdAt, kind, tags } = message
  const deleted = decorations.isDeleted(message)
  const edit = decorations
    .of(messageId, EDIT)
    .find((each) => each.author.pubkey === author.pubkey && targetsOf(each).length === 1)
  const reactions = decorations
    .of(messageId, REACTION)
    .filter((each) => !decorations.isDeleted(each))
    .map(({ messageId: id, author: by, content }) => ({
      messageId: id,
      pubkey: by.pubkey,
      content,
    }))
    .reverse()
  return {
    messageId,
    pubkey: author.pubkey,
    createdAt,
    kind,
    content: deleted ? "" : (edit?.content ?? message.content),
    tags,
    ...(reactions.length > 0 ? { reactions } : {}),
    ...(edit === undefined ? {} : { edited: true }),
    ...(deleted ? { deleted } : {}),
  }
}

/** Un-reacting is deleting one's own reaction, and an edit has one target (wire §8.2). */
const targetsOf = ({ tags }: MessageItem): readonly string[] =>
  tags.flatMap(([name, id]) => (name === "e" && id !== undefined ? [id] : []))
