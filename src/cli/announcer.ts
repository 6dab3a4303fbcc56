// The headless client's events: what happened since the last look, told once.

import type { ClientApi, ClientChange } from "../client/api.ts"
import { newestFirst } from "./message-list.ts"

export type Announce = (event: "message" | "invite" | "group" | "relay", data: unknown) => void

export class Announcer {
  readonly #api: ClientApi
  readonly #announce: Announce
  readonly #messages = new Map<string, Set<string>>()
  readonly #invites = new Set<string>()
  readonly #relays = new Map<string, string>()
  readonly #wanted = new Map<string, ClientChange>()
  #running = false

  constructor(api: ClientApi, announce: Announce) {
    this.#api = api
    this.#announce = announce
  }

  /** What is stored already is no news. */
  async start(onError: (error: unknown) => void): Promise<void> {
    const { status } = await this.#api.session()
    if (status === "ready") {
      for (const { groupId } of await this.#api.chats()) {
        for await (const { messageId } of newestFirst(this.#api, groupId)) {
          this.#known(groupId).add(messageId)
        }
      }
      for (const { inviteId } of await this.#api.invites()) this.#invites.add(inviteId)
    }
    this.#api.subscribe((change) => {
      this.#wanted.set(JSON.stringify(change), change)
      this.#run().catch(onError)
    })
  }

  /** One look at a time; changes that come meanwhile are looked at afterwards. */
  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    try {
      for (const [key, change] of this.#wanted) {
        this.#wanted.delete(key)
        await this.#look(change)
      }
    } finally {
      this.#running = false
    }
  }

  async #look(change: ClientChange): Promise<void> {
    const { status } = await this.#api.session()
    if (status !== "ready") return
    if (change.topic === "timeline") await this.#newMessages(change.groupId)
    if (change.topic === "group") this.#announce("group", { groupId: change.groupId })
    if (change.topic === "invites") await this.#newInvites()
    if (change.topic === "connection") await this.#relayChanges()
  }

  async #newMessages(groupId: string): Promise<void> {
    const known = this.#known(groupId)
    const now = Date.now() / 1000
    const fresh: unknown[] = []
    let old = 0
    for await (const item of newestFirst(this.#api, groupId)) {
      if (known.has(item.messageId)) {
        // Late messages slot in between: a few known ones in a row do not mean that all before are. Nor do any number
        // that are dated ahead, which stand after what is said meanwhile.
        if (item.createdAt <= now && ++old >= 100) break
        continue
      }
      known.add(item.messageId)
      if (item.own) continue
      const { messageId, author, createdAt, kind, content, tags } = item
      fresh.push({ groupId, messageId, pubkey: author.pubkey, createdAt, kind, content, tags })
    }
    for (const message of fresh.reverse()) this.#announce("message", message)
  }

  async #newInvites(): Promise<void> {
    for (const { inviteId, groupId, groupName, inviter } of await this.#api.invites()) {
      if (this.#invites.has(inviteId)) continue
      this.#invites.add(inviteId)
      this.#announce("invite", { inviteId, groupId, groupName, inviter: inviter.pubkey })
    }
  }

  async #relayChanges(): Promise<void> {
    for (const { url, status } of (await this.#api.connection()).relays) {
      if (this.#relays.get(url) === status) continue
      this.#relays.set(url, status)
      this.#announce("relay", { url, status })
    }
  }

  #known(groupId: string): Set<string> {
    const known = this.#messages.get(groupId) ?? new Set()
    this.#messages.set(groupId, known)
    return known
  }
}
