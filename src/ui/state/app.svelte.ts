// What the whole application knows: projections of the client, read again when the client says so.
import {
  ClientError,
  type ChatView,
  type ClientApi,
  type ClientChange,
  type ConnectionView,
  type InviteView,
  type SessionView,
} from "../../client/api.ts"
import { strings } from "../strings.ts"
import { Confirmation } from "./confirm.svelte.ts"
import { forgetDrafts } from "./drafts.ts"
import { Refresher } from "./refresher.ts"
import { Router } from "./router.svelte.ts"
import type { Theme } from "./theme.svelte.ts"
import { Toasts } from "./toasts.svelte.ts"

export type ReadySession = Extract<SessionView, { status: "ready" }>

/** Connecting takes a moment; only then is "no relay" worth a word. */
const graceMs = 4000

export class AppState {
  readonly api: ClientApi
  readonly router = new Router()
  readonly theme: Theme
  readonly toasts = new Toasts()
  readonly confirmation = new Confirmation()

  session = $state.raw<SessionView>({ status: "starting" })
  connection = $state.raw<ConnectionView | undefined>(undefined)
  chats = $state.raw<readonly ChatView[] | undefined>(undefined)
  invites = $state.raw<readonly InviteView[]>([])
  /** The identity was made a moment ago: offer to save its key before anything else. */
  offerKey = $state(false)
  dialog = $state<"settings" | "new-group" | "save-key" | undefined>(undefined)

  /** The group panel stays open while one goes from conversation to conversation. */
  infoOpen = $state(false)

  readonly ready = $derived(this.session.status === "ready" ? this.session : undefined)
  readonly unread = $derived((this.chats ?? []).reduce((sum, chat) => sum + chat.unread, 0))
  #graceOver = $state(false)
  readonly #connected = $derived(
    this.connection?.relays.some((relay) => relay.status === "connected") ?? true,
  )
  readonly waitingForNetwork = $derived(
    this.connection !== undefined &&
      (!this.connection.online || (this.#graceOver && !this.#connected)),
  )

  readonly #refreshers: Record<"session" | "connection" | "chats" | "invites", Refresher>

  constructor(api: ClientApi, theme: Theme) {
    this.api = api
    this.theme = theme
    const failed = (error: unknown) => this.report(error)
    this.#refreshers = {
      session: new Refresher(async () => this.#sessionChanged(await api.session()), failed),
      connection: new Refresher(
        async () => void (this.connection = await api.connection()),
        failed,
      ),
      chats: new Refresher(async () => void (this.chats = await api.chats()), failed),
      invites: new Refresher(async () => void (this.invites = await api.invites()), failed),
    }
    api.subscribe((change) => this.#changed(change))
    this.#refreshers.session.request()
    this.#refreshers.connection.request()
    setTimeout(() => (this.#graceOver = true), graceMs)
  }

  /** Shows a failure; the words of a `ClientError` are meant for people. */
  report(error: unknown): void {
    this.toasts.error(plainWords(error))
  }

  /** Runs what a click started. A failure is shown; the result tells whether it worked. */
  async attempt(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action()
      return true
    } catch (error) {
      this.report(error)
      return false
    }
  }

  async refreshSession(): Promise<void> {
    this.#sessionChanged(await this.api.session())
  }

  async logout(): Promise<boolean> {
    const done = await this.attempt(() => this.api.logout())
    if (done) await this.attempt(() => this.refreshSession())
    return done
  }

  #changed(change: ClientChange): void {
    if (change.topic === "group") this.#refreshers.chats.request()
    else if (change.topic !== "timeline") this.#refreshers[change.topic].request()
  }

  #sessionChanged(session: SessionView): void {
    const before = this.session.status
    this.session = session
    if (session.status === before) return
    if (before === "starting" && session.status === "none") return
    if (session.status === "ready") {
      this.#refreshers.chats.request()
      this.#refreshers.invites.request()
      return
    }
    // Logged out, perhaps in another tab: nothing of the account stays on the screen.
    this.chats = undefined
    this.invites = []
    this.offerKey = false
    this.dialog = undefined
    this.infoOpen = false
    this.confirmation.answer(false)
    forgetDrafts()
    this.router.openList(true)
  }
}

export function plainWords(error: unknown): string {
  if (error instanceof ClientError) return error.message
  // A copy that crossed a worker boundary has lost its class but not its words.
  if (error instanceof Error && error.name === "ClientError") return error.message
  return strings.errors.unexpected
}
