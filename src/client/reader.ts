// Reading what is known: the projections that the user interface shows.

import type {
  ChatView,
  ConnectionView,
  GroupView,
  InviteView,
  SessionView,
  TimelineCursor,
  TimelinePage,
} from "./api.ts"
import { ClientError } from "./api.ts"
import { type InviteRecord, mayReplace } from "./invites.ts"
import type { Session } from "./session.ts"
import type { TimelineRecord } from "./timeline-records.ts"
import { chatView, groupView, imageName, inviteView, isPreviewable, timelineItem } from "./views.ts"

const UNDELIVERED = {
  sending: "The invitation is on its way.",
  unanswered: "The invitation is on its way: no relay of this person has taken it yet.",
  no_inbox: "This person has not published where invitations should go. It is tried again.",
  unreachable: "No relay says where this person's invitations should go. It is tried again.",
  refused: "The relays of this person refuse the invitation. It is tried again.",
}

const DEFAULT_PAGE = 50
const MAX_PAGE = 500
/** How far back a chat's newest showable item is looked for, page by page: 1,000 records in all. */
const PREVIEW_PAGES = [4, 46, 200, 250, 500]

export class Reader {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  session(): SessionView {
    const { account, viewer, reachability } = this.#session
    const { signer, keySaved, relays } = account.record
    return {
      status: "ready",
      self: viewer.person(account.pubkey),
      signer,
      keySaved,
      reachable: reachability.view,
      relays,
    }
  }

  connection(): ConnectionView {
    const { world, intake, inbox, outbox, welcomes } = this.#session
    const relays = world.pool.status().map(({ url, status }) => ({ url, status }))
    return {
      online: relays.length === 0 || relays.some(({ status }) => status === "connected"),
      relays,
      pendingInbound: intake.pending + inbox.pending,
      pendingOutbound: outbox.size + welcomes.size,
      catchUp: intake.catchUp,
    }
  }

  /** Newest first. */
  async chats(): Promise<readonly ChatView[]> {
    const { chats, groups, world, viewer } = this.#session
    const views = await Promise.all(
      chats.all().map(async (chat) => {
        const group = groups.get(chat.groupId)
        if (group === undefined) return []
        const newest = await this.#newest(chat.groupId)
        const now = world.now()
        const image = imageName(world.engine.groupAvatar(group), chat.webPicture)
        return [chatView(chat, world.engine.summary(group), newest, { viewer, now, image })]
      }),
    )
    return views.flat().sort((a, b) => b.lastActivity - a.lastActivity)
  }

  group(groupId: string): GroupView {
    const { chats, groups, world, viewer } = this.#session
    const group = groups.require(groupId)
    const avatar = world.engine.groupAvatar(group)
    const wanted = chats.get(groupId)?.webPicture
    const { url } = avatar
    return groupView(group, world.engine.summary(group), viewer, {
      image: imageName(avatar, wanted),
      webPicture: url === undefined ? undefined : { url, isShown: url === wanted },
      undelivered: this.#undelivered(groupId),
      mediaServers: world.engine.mediaServers(group),
      features: [...world.engine.featuresOf(group)].map(([feature, found]) => ({
        feature,
        status: found.status,
        lacking: found.status === "unavailable" ? found.lacking : [],
      })),
    })
  }

  #undelivered(groupId: string): GroupView["undelivered"] {
    const { welcomes } = this.#session
    return welcomes.owed(groupId).map(({ recipient, wrapped, problem }) => {
      const cause = wrapped === undefined ? (problem ?? "sending") : "unanswered"
      return { pubkey: recipient, reason: UNDELIVERED[cause] }
    })
  }

  async timeline(
    groupId: string,
    { limit = DEFAULT_PAGE, before }: { limit?: number; before?: TimelineCursor },
  ): Promise<TimelinePage> {
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
      throw new ClientError("invalid_input", `A page holds 1 to ${MAX_PAGE} items.`)
    }
    const { groups, timeline, viewer } = this.#session
    groups.require(groupId)
    const page = await timeline.page(groupId, limit, before)
    return {
      items: page.records.map((record) => timelineItem(record, viewer)),
      before: page.before,
    }
  }

  invites(): readonly InviteView[] {
    const { invites, viewer } = this.#session
    return invites
      .open()
      .filter((invite) => this.#mayBeAccepted(invite))
      .map((invite) => inviteView(invite, viewer))
  }

  /** One to a group that goes well here waits unseen, in case it turns out not to. */
  #mayBeAccepted(invite: InviteRecord): boolean {
    const { groups, invites, world } = this.#session
    const held = groups.get(invite.preview.groupId)
    return held === undefined || mayReplace(world.engine.summary(held), invites.again(invite))
  }

  fingerprint(groupId: string) {
    const { groups, world } = this.#session
    return world.engine.fingerprint(groups.require(groupId))
  }

  async #newest(groupId: string): Promise<TimelineRecord | undefined> {
    let cursor: string | undefined
    for (const limit of PREVIEW_PAGES) {
      const { records, before } = await this.#session.timeline.page(groupId, limit, cursor)
      const found = records.findLast(isPreviewable)
      if (found !== undefined || before === undefined) return found
      cursor = before
    }
    return undefined
  }
}
