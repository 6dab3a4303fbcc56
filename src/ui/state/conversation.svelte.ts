// One open conversation: its group, what is loaded of its timeline, and what is being read.
import {
  ClientError,
  type ClientChange,
  type GroupView,
  type TimelineCursor,
  type UploadView,
} from "../../client/api.ts"
import type { AppState } from "./app.svelte.ts"
import { mergeNewest, mergeOlder, type Loaded } from "./merge-page.ts"
import { Refresher } from "./refresher.ts"
import { layOut, unreadFrom } from "./rows.ts"

const pageSize = 60
/** How far back the newest page reaches when it is read again. */
const refreshMost = 200

export class ConversationState {
  readonly groupId: string
  group = $state.raw<GroupView | undefined>(undefined)
  missing = $state(false)
  /** Files that are on their way. */
  uploads = $state.raw<readonly UploadView[]>([])
  loaded = $state.raw<Loaded | undefined>(undefined)
  /** The last change put items in front, so that the list keeps its place. */
  prepended = $state(false)
  loadingOlder = $state(false)
  /** Reading on from here has failed: only the reader tries that again. */
  stuckAt = $state.raw<TimelineCursor | undefined>(undefined)
  unreadFrom = $state.raw<string | undefined>(undefined)

  readonly rows = $derived(
    this.loaded === undefined
      ? []
      : layOut(this.loaded.items, {
          complete: this.loaded.before === undefined,
          unreadFrom: this.unreadFrom,
        }),
  )
  readonly remover = $derived(
    this.loaded?.items.findLast(
      (item) => item.type === "system" && item.change.event === "removed_self",
    ),
  )

  readonly #app: AppState
  readonly #groupRefresher: Refresher
  readonly #timelineRefresher: Refresher
  readonly #unsubscribe: () => void
  #unreadAtOpen: number

  constructor(app: AppState, groupId: string) {
    this.#app = app
    this.groupId = groupId
    this.#unreadAtOpen = app.chats?.find((chat) => chat.groupId === groupId)?.unread ?? 0
    const failed = (error: unknown) => this.#failed(error)
    this.#groupRefresher = new Refresher(async () => {
      this.group = await app.api.group(groupId)
      this.missing = false
    }, failed)
    this.#timelineRefresher = new Refresher(() => this.#readNewest(), failed)
    this.#unsubscribe = app.api.subscribe((change) => this.#changed(change))
    this.#groupRefresher.request()
    this.#timelineRefresher.request()
  }

  close(): void {
    this.#unsubscribe()
  }

  async loadOlder(): Promise<void> {
    const before = this.loaded?.before
    if (before === undefined || this.loadingOlder) return
    this.loadingOlder = true
    const done = await this.#app.attempt(async () => {
      const page = await this.#app.api.timeline(this.groupId, { limit: pageSize, before })
      // A reset to the newest page meanwhile made this page meaningless.
      if (this.loaded?.before !== before) return
      this.prepended = true
      this.loaded = mergeOlder(this.loaded, page)
    })
    this.stuckAt = done ? undefined : before
    this.loadingOlder = false
  }

  markRead(): void {
    if (document.visibilityState !== "visible" || this.missing) return
    const chat = this.#app.chats?.find(({ groupId }) => groupId === this.groupId)
    if (chat !== undefined && chat.unread === 0) return
    void this.#app.attempt(() => this.#app.api.markRead(this.groupId))
  }

  /** Resolves to whether the message is stored. */
  send(content: string): Promise<boolean> {
    this.unreadFrom = undefined
    return this.#app.attempt(() => this.#app.api.sendMessage(this.groupId, { content }))
  }

  retry(messageId: string): void {
    void this.#app.attempt(() => this.#app.api.retryMessage(this.groupId, messageId))
  }

  async #readNewest(): Promise<void> {
    const limit = Math.min(Math.max(pageSize, this.loaded?.items.length ?? 0), refreshMost)
    const page = await this.#app.api.timeline(this.groupId, { limit })
    this.uploads = await this.#app.api.uploads(this.groupId)
    this.prepended = false
    if (this.loaded !== undefined) {
      this.loaded = mergeNewest(this.loaded, page)
      return
    }
    this.unreadFrom = unreadFrom(page.items, this.#unreadAtOpen)
    this.loaded = page
  }

  #changed(change: ClientChange): void {
    if (change.topic === "group" && change.groupId === this.groupId) this.#groupRefresher.request()
    if (change.topic === "timeline" && change.groupId === this.groupId) {
      this.#timelineRefresher.request()
    }
  }

  #failed(error: unknown): void {
    if (error instanceof ClientError && error.code === "unknown_group") this.missing = true
    else this.#app.report(error)
  }
}
