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

/** Oldest first; `before`: the id of a message, to read further back. */
export async function listMessages(
  api: Pick<ClientApi, "timeline">,
  groupId: string,
  { limit = 50, before }: { readonly limit?: number; readonly before?: string | undefined },
): Promise<readonly ListedMessage[]> {
  const decorations: MessageItem[] = []
  const messages: MessageItem[] = []
  let reached = before === undefined
  for await (const item of newestFirst(api, groupId)) {
    if (isDecoration(item.kind)) decorations.push(item)
    else if (reached) messages.push(item)
    else reached = item.messageId === before
    if (messages.length >= limit) break
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

/** `decorations` are newest first, so the first edit that counts is the last one made. */
function decorate(message: MessageItem, decorations: readonly MessageItem[]): ListedMessage {
  const { messageId, author, createdAt, kind, tags } = message
  const about = decorations.filter((each) => targets(each).includes(messageId))
  const own = about.filter((each) => each.author.pubkey === author.pubkey)
  const deleted = own.some((each) => each.kind === DELETE)
  const edit = own.find((each) => each.kind === EDIT)
  const reactions = about
    .filter((each) => each.kind === REACTION && !isDeleted(each, decorations))
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

const targets = ({ tags }: MessageItem) =>
  tags.filter(([name]) => name === "e").map(([, id]) => id ?? "")

/** Un-reacting is deleting one's own reaction. */
const isDeleted = (reaction: MessageItem, decorations: readonly MessageItem[]) =>
  decorations.some(
    (each) =>
      each.kind === DELETE &&
      each.author.pubkey === reaction.author.pubkey &&
      targets(each).includes(reaction.messageId),
  )
