// One account at work: everything between the mailbox, the relays and the store, from opening to closing.

import { eventId, verifyEvent } from "../nostr/event.ts"
import { relayAuthTemplate } from "../nostr/relay-auth.ts"
import { RelayPool } from "../nostr/pool.ts"
import type { WebSocketConstructor } from "../nostr/relay-socket.ts"
import type { FrameCheck } from "../nostr/verify-frame.ts"
import type { PublishOutcome } from "../marmot/engine-types.ts"
import type { Account } from "./account.ts"
import type { ClientChange, DeliveryView } from "./api.ts"
import { Chats } from "./chats.ts"
import { Contacts } from "./contacts.ts"
import { Cursors, OVERLAP } from "./cursors.ts"
import { Directory } from "./directory.ts"
import type { Draft } from "./draft.ts"
import { Expiry } from "./expiry.ts"
import { performEffects } from "./group-effects.ts"
import { GroupIntake } from "./group-intake.ts"
import { Groups } from "./groups.ts"
import { Inbox, INBOX } from "./inbox.ts"
import { Invites } from "./invites.ts"
import { KeyPackages } from "./key-packages.ts"
import { Mailbox } from "./mailbox.ts"
import { Maintenance } from "./maintenance.ts"
import { Outbox, receiptsOf } from "./outbox.ts"
import type { Publication } from "./outbox.ts"
import type { World } from "./ports.ts"
import { Reachability } from "./reachability.ts"
import { Reinviter } from "./reinviter.ts"
import { SeenEvents } from "./seen-events.ts"
import { Timeline } from "./timeline.ts"
import { Uploads } from "./uploads.ts"
import { UsedKeyPackages } from "./used-key-packages.ts"
import type { Viewer } from "./views.ts"
import { WelcomeSender } from "./welcome-sender.ts"

export interface SessionOptions {
  readonly world: Omit<World, "pool">
  readonly WebSocket: WebSocketConstructor
  readonly elsewhere?: FrameCheck | undefined
  readonly account: Account
  readonly onChange: (change: ClientChange) => void
}

/** Ids of events so far back are kept (seconds). */
const BACKFILL_RANGE = 30 * 86_400
/** Quiet period between two announcements that the connection view is different. */
const PROGRESS_MS = 100
/** How long a device that forgets its account tries to say so. */
const WITHDRAW_MS = 2_000

export class Session {
  readonly world: World
  readonly account: Account
  readonly mailbox: Mailbox
  readonly chats = new Chats()
  readonly invites = new Invites()
  readonly keyPackages = new KeyPackages()
  readonly used: UsedKeyPackages
  readonly cursors = new Cursors()
  readonly timeline: Timeline
  readonly expiry: Expiry
  readonly seen: SeenEvents
  readonly outbox: Outbox
  readonly contacts: Contacts
  readonly directory: Directory
  readonly welcomes: WelcomeSender
  readonly reinviter: Reinviter
  readonly uploads: Uploads
  readonly groups: Groups
  readonly intake: GroupIntake
  readonly inbox: Inbox
  readonly reachability: Reachability
  readonly viewer: Viewer
  readonly #maintenance: Maintenance
  readonly #onChange: (change: ClientChange) => void
  #progress: ReturnType<World["timers"]["setTimeout"]> | undefined
  #closed = false

  private constructor({ world: given, WebSocket, elsewhere, account, onChange }: SessionOptions) {
    const { signer } = account
    const pool = new RelayPool({
      WebSocket,
      elsewhere,
      verify: (event) =>
        this.outbox.wrote(event) ? eventId(event) === event.id : verifyEvent(event),
      auth: (relay, challenge) =>
        signer.signEvent(relayAuthTemplate(relay, challenge, given.now())),
      onProblem: (_relay, error) => given.log("a relay misbehaves", error),
      random: () => (given.random(1)[0] ?? 0) / 256,
      timers: given.timers,
    })
    const world: World = { ...given, pool }
    const { store, log } = world
    const mailbox = new Mailbox({
      batch: (ops) => store.batch(ops),
      now: () => world.now(),
      onChange,
      log,
    })
    this.world = world
    this.account = account
    this.mailbox = mailbox
    this.#onChange = onChange
    const { chats, invites, keyPackages, cursors } = this
    const nameFor = (text: string) => account.nameFor(text)
    this.used = new UsedKeyPackages(nameFor)
    const progressed = () => this.#progressed()

    this.timeline = new Timeline(store, chats, {
      now: () => world.now(),
      expiring: (at) => this.expiry.expiring(at),
    })
    this.expiry = new Expiry({ world, mailbox, chats, timeline: this.timeline })
    this.seen = new SeenEvents(store)
    this.outbox = new Outbox(world, mailbox, {
      concluded: (draft, publication, outcome) => this.#concluded(draft, publication, outcome),
      progressed: (draft, publication) => this.#delivered(draft, publication),
      isDue: (publication, url) => this.#isDue(publication, url),
    })
    this.contacts = new Contacts({
      world,
      mailbox,
      relays: () => this.ownRelays,
      nameFor,
      named: (draft) => this.#named(draft),
    })
    this.directory = new Directory({
      world,
      contacts: this.contacts,
      self: account.pubkey,
      ownRelays: () => this.ownRelays,
      used: () => this.used.refs(),
    })
    const { outbox, directory, timeline, seen } = this
    this.welcomes = new WelcomeSender({
      world,
      mailbox,
      outbox,
      directory,
      signer,
      self: account.pubkey,
      gaveUp: (draft, { groupId, recipient }) =>
        this.#uninvited(draft, { groupId, recipient }, "It could not be delivered for two weeks."),
    })
    const { welcomes } = this
    const groups: Groups = new Groups({
      world,
      mailbox,
      chats,
      perform: (draft, group, effects) =>
        performEffects(draft, group, effects, {
          timeline,
          outbox,
          welcomes,
          reinviter: this.reinviter,
          uploads: this.uploads,
          cursors,
          seen,
          waiters: groups.waiters,
          refetch: () => this.intake.refresh(true),
        }),
      changed: () => {
        this.intake.refresh()
        outbox.look()
      },
    })
    this.groups = groups
    this.uploads = new Uploads({ world, mailbox, groups, timeline })
    this.reinviter = new Reinviter({
      world,
      mailbox,
      groups,
      directory,
      used: this.used,
      self: account.pubkey,
      gaveUp: (draft, lost, why) => this.#uninvited(draft, lost, why),
    })
    const common = { world, mailbox, groups, cursors, seen, progressed }
    this.intake = new GroupIntake({ ...common, chats, outbox })
    this.inbox = new Inbox({ ...common, account, invites, keyPackages })
    this.reachability = new Reachability({
      world,
      mailbox,
      outbox,
      account,
      keyPackages,
      invites,
      relaysChanged: () => this.inbox.refresh(),
      changed: () => this.#announce({ topic: "session" }),
    })
    this.viewer = { self: account.pubkey, person: (pubkey) => this.#person(pubkey) }
    this.#maintenance = new Maintenance({
      world,
      mailbox,
      groups,
      chats,
      keyPackages,
      used: this.used,
      reinviter: this.reinviter,
      reachability: this.reachability,
      isReadUp: (groupId) => this.#isReadUp(groupId),
    })
  }

  /** Reads everything, takes up what a former run left, and starts to listen. */
  static async open(options: SessionOptions): Promise<Session> {
    const session = new Session(options)
    try {
      await session.#load()
    } catch (error) {
      await session.close()
      throw error
    }
    session.#start()
    await session.expiry.start()
    return session
  }

  /**
   * Before everything here is deleted: takes our KeyPackages back, so that nobody invites a device that can't join.
   * Never rejects, and does not wait for long.
   */
  async withdraw(): Promise<void> {
    const { reachability, world } = this
    const withdrawn = reachability
      .withdraw()
      .catch((error: unknown) => world.log("the KeyPackages were not taken back", error))
    let timer: ReturnType<World["timers"]["setTimeout"]> | undefined
    const late = new Promise<void>((resolve) => {
      timer = world.timers.setTimeout(resolve, WITHDRAW_MS)
    })
    await Promise.race([withdrawn, late])
    if (timer !== undefined) world.timers.clearTimeout(timer)
  }

  async close(): Promise<void> {
    this.#closed = true
    const { groups, outbox, welcomes, intake, inbox, contacts, reachability, world } = this
    for (const part of [groups, outbox, welcomes, intake, inbox, contacts, reachability])
      part.close()
    this.expiry.close()
    this.uploads.close()
    this.#maintenance.close()
    if (this.#progress !== undefined) world.timers.clearTimeout(this.#progress)
    await this.mailbox.close()
    world.pool.close()
  }

  /** A tab with the signing extension is there (again). */
  signerAvailable(): void {
    this.inbox.wake()
    this.welcomes.signerAvailable()
    this.reachability.wake()
  }

  /** Relays that this account uses anyway. */
  get ownRelays(): readonly string[] {
    const { account, world } = this
    return [...new Set([...world.defaultRelays, ...account.record.relays, ...account.writeRelays])]
  }

  async #load(): Promise<void> {
    const { world, chats, invites, keyPackages, used, cursors } = this
    const { outbox, contacts, welcomes, reinviter, uploads, groups } = this
    for (const part of [chats, invites, keyPackages, used, cursors]) await part.load(world.store)
    for (const part of [outbox, contacts, welcomes, reinviter, uploads]) await part.load()
    await groups.load(this.account.device)
    await this.mailbox.run(async (draft) => {
      for (const { groupId } of groups.all()) {
        // A search for missing Commits may go back further than usual.
        await this.seen.load(draft, groupId, this.#oldestAsked(groupId) - BACKFILL_RANGE)
      }
      await this.seen.load(draft, INBOX, this.inbox.oldestAsked)
      contacts.rename(draft)
      used.rename(draft)
      this.#owePending(draft)
    })
  }

  /** Behaviour §9.3: a staged Commit whose acknowledgement is unknown is sent again, byte for byte the same. */
  #owePending(draft: Draft): void {
    for (const { groupId, pending } of this.groups.all()) {
      if (pending === undefined) continue
      const { event, relays } = pending
      this.outbox.add(draft, { event, relays, purpose: "commit", groupId, innerId: undefined })
    }
  }

  #start(): void {
    const { world, outbox, welcomes, groups, intake, inbox, reachability } = this
    world.pool.onStatus(({ url, status }) => {
      if (status === "connected") this.#connected(url)
      if (status === "disconnected") {
        intake.disconnected(url)
        inbox.disconnected(url)
      }
      this.#progressed()
    })
    intake.refresh()
    inbox.refresh()
    outbox.start()
    welcomes.start()
    groups.start()
    reachability.check()
    this.#maintenance.start()
  }

  #connected(url: string): void {
    this.#returned()
    this.intake.connected(url)
    this.outbox.connected(url)
    this.welcomes.wake()
    this.#maintenance.connected()
  }

  /** Before anything new is read: while we were gone, the others may have been told of our last messages by nobody. */
  #returned(): void {
    const { groups, mailbox, outbox, world } = this
    const found = outbox.halfPublished()
    if (found.size === 0) return
    mailbox
      .run(async (draft) => {
        for (const [groupId, innerIds] of found) {
          if (groups.get(groupId, draft) === undefined) continue
          await groups.apply(draft, groupId, { type: "halfPublished", innerIds })
        }
      })
      .catch((error: unknown) => world.log("unfinished messages were not looked through", error))
  }

  /**
   * A message that was encrypted a while ago may be too old for the group by now. Once the relay's news are read and
   * weighed, the engine knows, and encrypts it anew; while a Commit of ours waits for its answer nothing is weighed, so
   * that Commit goes first. It comes after the news, too: once it is acknowledged, its rivals are weighed at once, and we
   * do not build further on a branch that has lost long ago. Where the others are seen to have gone on for long, the group
   * must not wait with them until all the rest is read.
   */
  #isDue({ purpose, groupId }: Publication, url: string): boolean {
    if (groupId === undefined || (purpose !== "application" && purpose !== "commit")) return true
    const { engine } = this.world
    const group = this.groups.get(groupId)
    if (group === undefined) return this.intake.isReadUp(url)
    if (!this.intake.isReadUp(url)) return purpose === "commit" && engine.isOutrun(group)
    return purpose === "commit" || (group.pass === undefined && !engine.isContested(group))
  }

  /** At least one relay of the group was read to its end, and none that can be reached is being read. */
  #isReadUp(groupId: string): boolean {
    const { intake, world, groups } = this
    const status = new Map(world.pool.status().map((relay) => [relay.url, relay.status]))
    const { routes } = world.engine.summary(groups.require(groupId))
    const urls = routes
      .flatMap(({ relays }) => relays)
      .filter((url) => status.get(url) === "connected")
    return urls.some((url) => intake.isComplete(url)) && urls.every((url) => intake.isReadUp(url))
  }

  /** The earliest time from which a relay may still be asked about a group; older events need no memory. */
  #oldestAsked(groupId: string): number {
    const routes = this.world.engine.summary(this.groups.require(groupId)).routes
    // Nobody is asked about a copy that is lost; if it can be read again one day, it goes on where it was.
    if (routes.length === 0) return 0
    const since = this.chats.get(groupId)?.createdAt ?? 0
    const read = routes.flatMap(({ nostrGroupId: address, relays }) =>
      relays.map((url) => this.cursors.get({ owner: groupId, address, url }) ?? since),
    )
    return Math.min(...read) - OVERLAP
  }

  async #concluded(draft: Draft, publication: Publication, outcome: PublishOutcome): Promise<void> {
    const { purpose, groupId, event } = publication
    if (purpose === "account") this.reachability.concluded(draft, publication, outcome)
    if (purpose === "welcome") this.welcomes.concluded(draft, event.id, outcome)
    if (purpose === "account" || purpose === "welcome") return
    if (groupId === undefined || this.groups.get(groupId, draft) === undefined) return
    await this.groups.apply(draft, groupId, { type: "published", eventId: event.id, outcome })
  }

  /** A row in the group: someone is a member of it and does not know. */
  #uninvited(
    draft: Draft,
    { groupId, recipient }: { readonly groupId: string; readonly recipient: string },
    why: string,
  ): Promise<void> {
    const { name, npub } = this.#person(recipient)
    const text = `The invitation of ${name ?? npub.slice(0, 10)} is given up. ${why}`
    return this.timeline.notify(draft, groupId, {
      digest: `uninvited:${recipient}:${draft.now}`,
      changes: [{ type: "change_lost", text }],
      seenAt: draft.now,
    })
  }

  async #delivered(draft: Draft, publication: Publication): Promise<void> {
    const { groupId, innerId, event } = publication
    if (groupId === undefined || innerId === undefined) return
    const record = await this.timeline.message(draft, groupId, innerId)
    // Sent again in the meantime: the older event's fate is no longer the message's.
    if (record?.eventId !== event.id) return
    const delivery = deliveryOf(publication)
    await this.timeline.setDelivery(draft, groupId, innerId, { delivery })
  }

  #person(pubkey: string) {
    const view = this.contacts.person(pubkey)
    if (pubkey !== this.account.pubkey) return view
    return { ...view, name: this.account.record.name ?? view.name }
  }

  #named(draft: Draft): void {
    for (const topic of ["session", "chats", "invites"] as const) draft.change({ topic })
    for (const { groupId } of this.groups.all()) {
      draft.change({ topic: "group", groupId })
      draft.change({ topic: "timeline", groupId })
    }
  }

  #progressed(): void {
    if (this.#closed) return
    this.#progress ??= this.world.timers.setTimeout(() => {
      this.#progress = undefined
      this.#announce({ topic: "connection" })
    }, PROGRESS_MS)
  }

  #announce(change: ClientChange): void {
    if (!this.#closed) this.#onChange(change)
  }
}

function deliveryOf(publication: Publication): DeliveryView {
  const relays = receiptsOf(publication)
  if (publication.acceptedAt !== undefined) return { status: "sent", relays }
  if (publication.targets.some(({ state }) => state === "owed")) return { status: "pending" }
  return { status: "failed", reason: "No relay accepted the message.", relays }
}
