// Sending messages (wire §8): the inner event is stored and shown at once; the engine encrypts when it can.

import { bytesToHex, toRumor } from "../nostr/event.ts"
import type { Rumor } from "../nostr/event.ts"
import { ClientError } from "./api.ts"
import type { Draft } from "./draft.ts"
import { intentError } from "./failure.ts"
import type { NewMessage } from "./new-message.ts"
import type { Session } from "./session.ts"
import { MAX_AHEAD_MS, messageSort, msOf, rumorMs, timed } from "./timeline-records.ts"

const CHAT_KIND = 9
const MAX_CONTENT = 64 * 1024
const MAX_TAGS = 256

export class Messages {
  readonly #session: Session
  readonly #last = new Map<string, number>()

  constructor(session: Session) {
    this.#session = session
  }

  /** Resolves once the message is stored. Rejects, with nothing stored, if the group can't be written to. */
  async send(groupId: string, message: NewMessage): Promise<{ messageId: string }> {
    check(message)
    return this.#session.mailbox.run((draft) => this.post(draft, groupId, message))
  }

  /** In a step. `mediaState`: the state for which the files that the message names were sealed. */
  async post(
    draft: Draft,
    groupId: string,
    message: NewMessage,
    mediaState?: string,
  ): Promise<{ messageId: string }> {
    const { groups, timeline } = this.#session
    groups.require(groupId, draft)
    const rumor = await this.#compose(draft, groupId, message)
    const delivery = { status: "pending" } as const
    await timeline.deliver(draft, groupId, { rumor, own: true, delivery })
    await this.#submit(draft, groupId, rumor, mediaState)
    draft.swap(() => this.#last.set(groupId, rumorMs(rumor)))
    return { messageId: rumor.id }
  }

  /** What is still on its way is tried at once; what failed is encrypted and sent anew, under the same id. */
  async retry(groupId: string, messageId: string): Promise<void> {
    const { mailbox, timeline, outbox } = this.#session
    await mailbox.run(async (draft) => {
      const record = await timeline.message(draft, groupId, messageId)
      if (record?.own !== true) {
        throw new ClientError("unknown_message", "There is no such message of yours.")
      }
      if (record.delivery.status === "failed") {
        // Files were sealed for a state that may be gone.
        if (await this.#session.uploads.again(draft, groupId, messageId)) return
        await timeline.setDelivery(draft, groupId, messageId, { delivery: { status: "pending" } })
        await this.#submit(draft, groupId, record.rumor)
      } else draft.after(() => outbox.wakeAll())
    })
  }

  async #submit(draft: Draft, groupId: string, event: Rumor, mediaState?: string): Promise<void> {
    const { groups, world } = this.#session
    const intentId = `send:${event.id}:${bytesToHex(world.random(8))}`
    const intent = { type: "send", intentId, event, ...mediaOf(mediaState) } as const
    const effects = await groups.apply(draft, groupId, { type: "intent", intent })
    for (const effect of effects) {
      if (effect.type !== "intentDone" || effect.intentId !== intentId || effect.result.ok) continue
      throw intentError(effect.result.code, effect.result.message)
    }
  }

  async #compose(draft: Draft, groupId: string, message: NewMessage): Promise<Rumor> {
    const { account, timeline } = this.#session
    const { kind = CHAT_KIND, content } = message
    const tags = [...(await this.#replyTags(draft, groupId, message)), ...(message.tags ?? [])]
    for (let ms = await this.#nextTime(draft, groupId); ; ms++) {
      const { created_at, tag } = timed(ms)
      const { pubkey } = account
      const rumor = toRumor({ pubkey, created_at, kind, tags: [...tags, tag], content })
      // The same words at the same moment would be the same message.
      const known = await timeline.message(draft, groupId, rumor.id, messageSort(rumor))
      if (known === undefined) return rumor
    }
  }

  /** Now, or just after the latest in the group, ours and others', unless that lies too far ahead. Milliseconds. */
  async #nextTime(draft: Draft, groupId: string): Promise<number> {
    const { records } = await this.#session.timeline.page(groupId, 5, undefined)
    const limit = draft.now + MAX_AHEAD_MS
    const times = [this.#last.get(groupId) ?? 0, ...records.map(msOf)]
    return Math.max(draft.now, ...times.filter((time) => time < limit).map((time) => time + 1))
  }

  /** Wire §8.2: `e` and `q` name the message that is replied to, `p` its author. */
  async #replyTags(draft: Draft, groupId: string, { replyTo }: NewMessage): Promise<string[][]> {
    if (replyTo === undefined) return []
    const target = await this.#session.timeline.message(draft, groupId, replyTo)
    if (target === undefined) {
      throw new ClientError("unknown_message", "The message that you reply to is not here.")
    }
    return [
      ["e", replyTo],
      ["q", replyTo],
      ["p", target.rumor.pubkey],
    ]
  }
}

const mediaOf = (mediaState: string | undefined) => (mediaState === undefined ? {} : { mediaState })

function check({ content, kind = CHAT_KIND, tags = [] }: NewMessage): void {
  if (kind === CHAT_KIND && content.trim() === "") {
    throw new ClientError("invalid_input", "The message is empty.")
  }
  if (new TextEncoder().encode(content).length > MAX_CONTENT || tags.length > MAX_TAGS) {
    throw new ClientError("invalid_input", "The message is too long.")
  }
  // Unpaired surrogates can't be written as UTF-8 (wire §2.1).
  if (/\p{Surrogate}/u.test(content + tags.flat().join(""))) {
    throw new ClientError("invalid_input", "The message holds characters that can't be sent.")
  }
}
