// The client runtime behind the user interface's contract: one account, its session, and reading what is known.

import { cipherSuite, createCrypto } from "../mls/index.ts"
import type { MlsCrypto } from "../mls/index.ts"
import { nsecOf, parseNsec } from "../nostr/address.ts"
import { generateSecretKey, hexToBytes } from "../nostr/event.ts"
import { verifyFast } from "../nostr/fast-verify.ts"
import type { FrameCheck } from "../nostr/verify-frame.ts"
import { LocalSigner } from "../nostr/local-signer.ts"
import { Nip07Signer } from "../nostr/nip07-signer.ts"
import type { WebSocketConstructor } from "../nostr/relay-socket.ts"
import { systemTimers } from "../nostr/timers.ts"
import type { Signer } from "../nostr/signer.ts"
import type { Store } from "../store/types.ts"
import { Blossom } from "../nostr/blossom.ts"
import type { Fetch } from "../nostr/blossom.ts"
import { Account } from "./account.ts"
import { ClientError } from "./api.ts"
import type {
  ClientApi,
  ClientChange,
  NewAttachments,
  PersonView,
  SessionView,
  TimelineCursor,
} from "./api.ts"
import { Attachments } from "./attachments.ts"
import { Draft } from "./draft.ts"
import { marmotEngine } from "./engine.ts"
import type { Engine } from "./engine.ts"
import { asClientError } from "./failure.ts"
import { Membership } from "./membership.ts"
import { Messages } from "./messages.ts"
import { newAccount } from "./new-account.ts"
import type { Extension, Log, Timers, MediaPorts } from "./ports.ts"
import { Reader } from "./reader.ts"
import { Session } from "./session.ts"
import { sync } from "./sync.ts"

export interface ClientOptions {
  /** Opens the account's store; again after `logout` has destroyed it. */
  readonly openStore: () => Promise<Store>
  readonly WebSocket: WebSocketConstructor
  /** Tests only. Absent: the platform's generator, and what the engine makes by itself, as one-time keys of HPKE. */
  readonly random?: (length: number) => Uint8Array
  readonly defaultRelays: readonly string[]
  /** Absent: no files can be sent or fetched. */
  readonly media?: {
    readonly fetch: Fetch
    /** Base URLs of Blossom servers, first choice first; they may be on the local network. */
    readonly servers: readonly string[]
  }
  readonly now?: () => number
  readonly timers?: Timers
  readonly extension?: Extension
  /** Checks events in another thread. */
  readonly elsewhere?: FrameCheck
  /** One turn of the event loop, where the thread has others to serve. */
  readonly othersTurn?: () => Promise<void>
  readonly log?: Log
  /** Tests only: stands in for the Marmot engine. */
  readonly engine?: Engine
  /** Tests only: instead of what the platform offers. It has to draw from a source like `random`. */
  readonly crypto?: MlsCrypto
}

interface Running {
  readonly session: Session
  readonly reader: Reader
  readonly messages: Messages
  readonly membership: Membership
  readonly attachments: Attachments
}

/** Opens the store and, if it holds an account, the account's session. Rejects with `ClientError`. */
export async function openClient(options: ClientOptions): Promise<Client> {
  const client = new Client(options)
  await client.open()
  return client
}

export class Client implements ClientApi {
  readonly #options: ClientOptions
  readonly #random: (length: number) => Uint8Array
  readonly #listeners = new Set<(change: ClientChange) => void>()
  #store: Store | undefined
  #crypto: MlsCrypto | undefined
  #running: Running | undefined
  #beginning = false
  #leaving: Promise<void> | undefined

  constructor(options: ClientOptions) {
    this.#options = options
    this.#random = options.random ?? platformRandom
    this.#crypto = options.crypto
  }

  async open(): Promise<void> {
    await this.#guard(async () => {
      const { openStore, random, extension } = this.#options
      const [crypto] = await Promise.all([
        this.#crypto ?? createCrypto({ suite: cipherSuite(1), ...(random && { random }) }),
        verifyFast(),
      ])
      this.#crypto = crypto
      this.#store = await openStore()
      const account = await Account.load(this.#store, extension)
      if (account !== undefined) await this.#run(account)
    })
  }

  /** Stops everything; what was answered is durable. */
  async close(): Promise<void> {
    await this.#running?.session.close()
    this.#running = undefined
    await this.#store?.close()
    this.#store = undefined
  }

  subscribe(listener: (change: ClientChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  session(): Promise<SessionView> {
    if (this.#store === undefined || this.#beginning) return Promise.resolve({ status: "starting" })
    return Promise.resolve(this.#running?.reader.session() ?? { status: "none" })
  }

  connection() {
    return Promise.resolve(
      this.#running?.reader.connection() ?? {
        online: true,
        relays: [],
        pendingInbound: 0,
        pendingOutbound: 0,
        catchUp: undefined,
      },
    )
  }

  createAccount(params: { name: string; relays?: readonly string[] }): Promise<PersonView> {
    const secretKey = generateSecretKey(this.#random)
    return this.#begin(new LocalSigner(secretKey), { ...params, secretKey, keySaved: false })
  }

  async importAccount(params: { nsec: string; relays?: readonly string[] }): Promise<PersonView> {
    return this.#guard(() => {
      const secretKey = parseNsec(params.nsec)
      const relays = params.relays === undefined ? {} : { relays: params.relays }
      return this.#begin(new LocalSigner(secretKey), { ...relays, secretKey, keySaved: true })
    })
  }

  async loginWithExtension(params: { relays?: readonly string[] }): Promise<PersonView> {
    const { extension } = this.#options
    if (extension === undefined) {
      throw new ClientError("signer_refused", "There is no signing extension.")
    }
    return this.#begin(new Nip07Signer(extension), { ...params, keySaved: true })
  }

  revealSecretKey(): Promise<string> {
    return this.#with(({ session }) => {
      const { secretKey } = session.account.record
      if (secretKey === undefined) {
        throw new ClientError("invalid_input", "The key is in your signing extension.")
      }
      return nsecOf(hexToBytes(secretKey))
    })
  }

  markKeySaved(): Promise<void> {
    return this.#with(({ session }) =>
      session.mailbox.run((draft) => session.account.update(draft, { keySaved: true })),
    )
  }

  setProfileName(name: string): Promise<void> {
    return this.#with(async ({ session }) => {
      const trimmed = name.trim()
      if (trimmed === "") throw new ClientError("invalid_input", "The name is empty.")
      await session.mailbox.run((draft) => session.account.update(draft, { name: trimmed }))
      await session.reachability.publishName(trimmed)
    })
  }

  ensureReachable(): Promise<{ keyPackageEventId: string }> {
    return this.#with(({ session }) => session.reachability.ensure())
  }

  /** Two tabs may ask at once: it happens once. */
  logout(): Promise<void> {
    this.#leaving ??= this.#guard(() => this.#leave()).finally(() => {
      this.#leaving = undefined
      for (const topic of ["session", "chats", "invites"] as const) this.#emit({ topic })
    })
    return this.#leaving
  }

  chats() {
    return this.#with(({ reader }) => reader.chats())
  }

  group(groupId: string) {
    return this.#with(({ reader }) => reader.group(groupId))
  }

  timeline(groupId: string, page: { limit?: number; before?: TimelineCursor } = {}) {
    return this.#with(({ reader }) => reader.timeline(groupId, page))
  }

  markRead(groupId: string): Promise<void> {
    return this.#with(({ session }) =>
      session.mailbox.run((draft) => session.chats.markRead(draft, groupId)),
    )
  }

  checkInvitees(inputs: readonly string[], groupId?: string) {
    return this.#with(({ membership }) => membership.check(inputs, groupId))
  }

  createGroup(params: { name: string; description?: string; members: readonly string[] }) {
    return this.#with(({ membership }) => membership.create(params))
  }

  invite(groupId: string, members: readonly string[]) {
    return this.#with(({ membership }) => membership.invite(groupId, members))
  }

  reinvite(groupId: string, member: string) {
    return this.#with(({ membership }) => membership.reinvite(groupId, member))
  }

  removeMembers(groupId: string, members: readonly string[]) {
    return this.#with(({ membership }) => membership.remove(groupId, members))
  }

  updateGroup(groupId: string, changes: Parameters<ClientApi["updateGroup"]>[1]) {
    return this.#with(({ membership }) => membership.update(groupId, changes))
  }

  selfUpdate(groupId: string) {
    return this.#with(({ membership }) => membership.selfUpdate(groupId))
  }

  upgradeGroup(...[groupId, features, servers]: Parameters<ClientApi["upgradeGroup"]>) {
    return this.#with(({ membership }) => membership.upgrade(groupId, features, servers))
  }

  leave(groupId: string) {
    return this.#with(({ membership }) => membership.leave(groupId))
  }

  disband(groupId: string) {
    return this.#with(({ membership }) => membership.disband(groupId))
  }

  forget(groupId: string) {
    return this.#with(({ membership }) => membership.forget(groupId))
  }

  invites() {
    return this.#with(({ reader }) => reader.invites())
  }

  acceptInvite(inviteId: string) {
    return this.#with(({ membership }) => membership.accept(inviteId))
  }

  declineInvite(inviteId: string) {
    return this.#with(({ membership }) => membership.decline(inviteId))
  }

  sendMessage(groupId: string, message: Parameters<ClientApi["sendMessage"]>[1]) {
    return this.#with(({ messages }) => messages.send(groupId, message))
  }

  retryMessage(groupId: string, messageId: string) {
    return this.#with(({ messages }) => messages.retry(groupId, messageId))
  }

  sendAttachments(groupId: string, attachments: NewAttachments) {
    return this.#with(({ session }) => session.uploads.add(groupId, attachments))
  }

  uploads(groupId: string) {
    return this.#with(({ session }) => session.uploads.views(groupId))
  }

  retryUpload(uploadId: string) {
    return this.#with(({ session }) => session.uploads.retry(uploadId))
  }

  discardUpload(uploadId: string) {
    return this.#with(({ session }) => session.uploads.discard(uploadId))
  }

  attachment(groupId: string, messageId: string, index: number) {
    return this.#with(({ attachments }) => attachments.file(groupId, messageId, index))
  }

  setGroupImage(groupId: string, picture: Parameters<ClientApi["setGroupImage"]>[1]) {
    return this.#with(({ attachments, membership }) =>
      attachments.setImage(groupId, picture, (image) => membership.setImage(groupId, image)),
    )
  }

  groupImage(groupId: string) {
    return this.#with(({ attachments }) => attachments.image(groupId))
  }

  showWebPicture(groupId: string): Promise<void> {
    return this.#with(({ attachments }) => attachments.showWebPicture(groupId))
  }

  fingerprint(groupId: string) {
    return this.#with(({ reader }) => reader.fingerprint(groupId))
  }

  sync(params: { timeoutMs?: number } = {}): Promise<void> {
    return this.#with(({ session }) => sync(session, params.timeoutMs))
  }

  /** The network is there, or gone; or the page was asleep: look at the connections now. */
  setOnline(online: boolean): void {
    this.#running?.session.world.pool.setOnline(online)
    if (online) this.#running?.session.world.pool.wake()
    this.#emit({ topic: "connection" })
  }

  /** The signing extension can be asked (again). */
  signerAvailable(): void {
    this.#running?.session.signerAvailable()
  }

  async #leave(): Promise<void> {
    const store = this.#store
    await this.#running?.session.withdraw()
    await this.#running?.session.close()
    this.#running = undefined
    this.#store = undefined
    try {
      await store?.destroy()
    } catch (error) {
      // Nothing is deleted: the account is still there, and must not be mixed with another one.
      await this.open()
      throw error
    }
    this.#store = await this.#options.openStore()
  }

  /** The first batch of an account: its keys and the proof that ties the device to it. */
  async #begin(
    signer: Signer,
    params: {
      readonly name?: string
      readonly relays?: readonly string[]
      readonly secretKey?: Uint8Array
      readonly keySaved: boolean
    },
  ): Promise<PersonView> {
    return this.#guard(async () => {
      const store = this.#store
      const crypto = this.#crypto
      if (store === undefined || crypto === undefined) {
        throw new ClientError("internal", "The client is not open.")
      }
      if (this.#running !== undefined || this.#beginning) {
        throw new ClientError("account_exists", "There is an account on this device already.")
      }
      this.#beginning = true
      try {
        const record = await newAccount({
          crypto,
          signer,
          random: this.#random,
          now: this.#now(),
          keySaved: params.keySaved,
          relays: params.relays ?? this.#options.defaultRelays,
          name: params.name,
          secretKey: params.secretKey,
        })
        const draft = new Draft(this.#now())
        Account.write(draft, record)
        await store.batch(draft.ops)
        const account = await Account.load(store, this.#options.extension)
        if (account === undefined) throw new ClientError("storage_failed", "Nothing was stored.")
        return (await this.#run(account)).session.viewer.person(record.pubkey)
      } finally {
        this.#beginning = false
        this.#emit({ topic: "session" })
      }
    })
  }

  async #run(account: Account): Promise<Running> {
    const { WebSocket, defaultRelays, log, engine, elsewhere } = this.#options
    const { timers = systemTimers, media, othersTurn } = this.#options
    const store = this.#store
    const crypto = this.#crypto
    if (store === undefined || crypto === undefined) {
      throw new ClientError("internal", "The client is not open.")
    }
    const session = await Session.open({
      account,
      WebSocket,
      elsewhere,
      onChange: (change) => this.#emit(change),
      world: {
        crypto,
        engine: engine ?? marmotEngine,
        store,
        timers,
        defaultRelays,
        media: media && this.#mediaPorts(media, timers),
        log: log ?? (() => undefined),
        now: () => this.#now(),
        random: this.#random,
        othersTurn,
      },
    })
    this.#running = {
      session,
      reader: new Reader(session),
      messages: new Messages(session),
      membership: new Membership(session),
      attachments: new Attachments(session),
    }
    const { messages } = this.#running
    session.uploads.start((draft, groupId, message, mediaState) =>
      messages.post(draft, groupId, message, mediaState),
    )
    this.#emit({ topic: "session" })
    return this.#running
  }

  #mediaPorts({ fetch, servers }: NonNullable<ClientOptions["media"]>, timers: Timers): MediaPorts {
    const now = () => this.#now()
    return { blossom: new Blossom({ fetch, timers, now, trusted: servers }), servers }
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now()
  }

  #with<T>(work: (running: Running) => Promise<T> | T): Promise<T> {
    return this.#guard(() => {
      if (this.#running === undefined) throw new ClientError("no_account", "There is no account.")
      return work(this.#running)
    })
  }

  async #guard<T>(work: () => Promise<T> | T): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const failure = asClientError(error)
      if (failure.code === "internal") this.#options.log?.("an operation failed", error)
      throw failure
    }
  }

  #emit(change: ClientChange): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(change)
      } catch (error) {
        this.#options.log?.("a listener failed", error)
      }
    }
  }
}

function platformRandom(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}
