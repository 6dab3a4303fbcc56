// Sending files (behaviour §10): stored first, then sealed, uploaded and sent, again after a restart.

import { mediaTag } from "../marmot/media.ts"
import { BLOSSOM, MAX_ATTACHMENTS, referenceOf, sealFile } from "../marmot/media-file.ts"
import { canonicalMediaType } from "../marmot/media-type.ts"
import { BlossomError } from "../nostr/error.ts"
import { bytesToHex, generateSecretKey } from "../nostr/event.ts"
import { ClientError } from "./api.ts"
import type { NewAttachments, UploadView } from "./api.ts"
import type { Draft } from "./draft.ts"
import { asClientError } from "./failure.ts"
import type { Groups } from "./groups.ts"
import type { Mailbox } from "./mailbox.ts"
import { attachmentIndexes, fileKey, readFile, uploadFileKey } from "./media-records.ts"
import type { NewMessage } from "./new-message.ts"
import type { World } from "./ports.ts"
import { RecordMap } from "./record-map.ts"
import type { Timeline } from "./timeline.ts"
import { Waiters } from "./waiters.ts"

/** Bytes of one file. */
export const MAX_FILE = 64 * 1024 * 1024
/** Bytes of all files of a message. */
const MAX_TOTAL = 128 * 1024 * 1024
const MAX_FILENAME = 255
const MAX_DIM = 32
/** How often the group may change while files are on their way. */
const MAX_ROUNDS = 8
/** How long a caller waits; the upload goes on. */
const PATIENCE_MS = 900_000
const SECOND_TRY_MS = 5_000

interface UploadFile {
  readonly filename: string
  readonly mediaType: string
  readonly dim: string | undefined
  readonly size: number
}

interface UploadRecord {
  readonly uploadId: string
  readonly groupId: string
  readonly message: NewMessage
  readonly files: readonly UploadFile[]
  /** Milliseconds. */
  readonly createdAt: number
  /** Why it was given up; absent while it is under way. */
  readonly failure?: string | undefined
}

/** Puts a message into the timeline and hands it to the engine, in a step. */
export type Post = (
  draft: Draft,
  groupId: string,
  message: NewMessage,
  mediaState: string,
) => Promise<{ readonly messageId: string }>

export interface UploadsOptions {
  readonly world: World
  readonly mailbox: Mailbox
  readonly groups: Groups
  readonly timeline: Timeline
}

export class Uploads {
  readonly #options: UploadsOptions
  readonly #records = new RecordMap<UploadRecord>({
    table: "media",
    scope: "uploads",
    keyOf: (record) => record.uploadId,
  })
  readonly #waiters: Waiters<{ messageId: string }>
  readonly #running = new Set<string>()
  /** One after the other: each holds whole files in memory. */
  #queue: Promise<void> = Promise.resolve()
  #post: Post | undefined
  #closed = false

  constructor(options: UploadsOptions) {
    this.#options = options
    this.#waiters = new Waiters(options.world.timers)
  }

  load(): Promise<void> {
    return this.#records.load(this.#options.world.store)
  }

  /** Takes up what a former run has not finished. */
  start(post: Post): void {
    this.#post = post
    for (const { uploadId, failure } of this.#records.values()) {
      if (failure === undefined) this.#enqueue(uploadId)
    }
  }

  close(): void {
    this.#closed = true
    this.#waiters.rejectAll(new ClientError("no_account", "The session has ended."))
  }

  /** Nothing is under way; what has failed waits for the user. */
  get isIdle(): boolean {
    return this.#records.values().every(({ failure }) => failure !== undefined)
  }

  views(groupId: string): readonly UploadView[] {
    return this.#records
      .values()
      .filter((record) => record.groupId === groupId)
      .sort((a, b) => a.createdAt - b.createdAt)
      .map(({ uploadId, message, files, failure }) => ({
        uploadId,
        caption: message.content,
        files: files.map(({ filename, mediaType, size }) => ({ filename, mediaType, size })),
        failure,
      }))
  }

  /** Resolves once the files are stored here. Rejects, with nothing stored, for what can't be sent. */
  async add(
    groupId: string,
    attachments: NewAttachments,
  ): Promise<{ uploadId: string; messageId?: string }> {
    const { mailbox, groups, world } = this.#options
    const files = attachments.files.map(checkedFile)
    checkTotal(files)
    const { uploadId, sent } = await mailbox.run((draft) => {
      if (world.engine.mediaAccess(world.crypto, groups.require(groupId, draft)) === undefined) {
        throw new ClientError("not_active", NO_FILES)
      }
      const { caption: content, replyTo } = attachments
      const message = replyTo === undefined ? { content } : { content, replyTo }
      const uploadId = this.#put(draft, { groupId, message, files })
      for (const [index, { bytes }] of attachments.files.entries()) {
        draft.put("media", uploadFileKey(uploadId, index), bytes)
      }
      // It may be over before this function gets to wait for it.
      const sent = attachments.wait === true ? this.#finished(uploadId) : undefined
      sent?.catch(() => undefined)
      return { uploadId, sent }
    })
    return { uploadId, ...(await sent) }
  }

  async retry(uploadId: string): Promise<void> {
    await this.#options.mailbox.run((draft) => {
      const record = this.#records.get(uploadId, draft)
      if (record === undefined) throw new ClientError("unknown_message", "There is no such upload.")
      if (record.failure === undefined) return
      this.#records.put(draft, { ...record, failure: undefined })
      draft.change({ topic: "timeline", groupId: record.groupId })
      draft.after(() => this.#enqueue(uploadId))
    })
  }

  async discard(uploadId: string): Promise<void> {
    await this.#options.mailbox.run((draft) => {
      const record = this.#records.get(uploadId, draft)
      if (record !== undefined) this.#delete(draft, record)
    })
  }

  forget(draft: Draft, groupId: string): void {
    for (const record of this.#records.values(draft)) {
      if (record.groupId === groupId) this.#delete(draft, record)
    }
  }

  /**
   * The group has changed before a message of ours with files was out: nobody could open them any more, so they are
   * sealed and sent anew, as a message of its own. False if the message has no files here.
   */
  async again(draft: Draft, groupId: string, messageId: string): Promise<boolean> {
    const { timeline, world } = this.#options
    const record = await timeline.message(draft, groupId, messageId)
    if (record?.own !== true) return false
    const { rumor } = record
    const found: { readonly file: UploadFile; readonly bytes: Uint8Array }[] = []
    for (const index of attachmentIndexes(rumor)) {
      const reference = referenceOf(rumor.tags[index] ?? [])
      const bytes = await readFile(world.store, fileKey(groupId, messageId, index), draft)
      if (reference === undefined || bytes === undefined) return false
      const { filename, mediaType, dim } = reference
      found.push({ file: { filename, mediaType, dim, size: bytes.length }, bytes })
    }
    if (found.length === 0) return false
    const tags = rumor.tags.filter(([name]) => name !== "imeta" && name !== "ms")
    const files = found.map(({ file }) => file)
    await timeline.delete(draft, groupId, messageId)
    const uploadId = this.#put(draft, {
      groupId,
      message: { content: rumor.content, tags },
      files,
    })
    for (const [index, { bytes }] of found.entries()) {
      draft.put("media", uploadFileKey(uploadId, index), bytes)
    }
    return true
  }

  #finished(uploadId: string): Promise<{ messageId: string }> {
    return this.#waiters.wait(uploadId, PATIENCE_MS, "The files are saved and will be sent.")
  }

  #put(draft: Draft, fields: Pick<UploadRecord, "groupId" | "message" | "files">): string {
    const uploadId = bytesToHex(this.#options.world.random(16))
    this.#records.put(draft, { ...fields, uploadId, createdAt: draft.now })
    draft.change({ topic: "timeline", groupId: fields.groupId })
    draft.after(() => this.#enqueue(uploadId))
    return uploadId
  }

  #delete(draft: Draft, { uploadId, groupId, files }: UploadRecord): void {
    this.#records.delete(draft, uploadId)
    for (const index of files.keys()) draft.put("media", uploadFileKey(uploadId, index), undefined)
    draft.change({ topic: "timeline", groupId })
  }

  #enqueue(uploadId: string): void {
    if (this.#post === undefined || this.#running.has(uploadId)) return
    this.#running.add(uploadId)
    this.#queue = this.#queue.then(() => this.#run(uploadId))
  }

  async #run(uploadId: string): Promise<void> {
    try {
      await this.#attempt(uploadId).catch(async (error: unknown) => {
        if (!(error instanceof BlossomError) || error.code !== "unreachable") throw error
        const { timers } = this.#options.world
        await new Promise<void>((resolve) => timers.setTimeout(resolve, SECOND_TRY_MS))
        await this.#attempt(uploadId)
      })
    } catch (error) {
      await this.#fail(uploadId, error)
    } finally {
      this.#running.delete(uploadId)
    }
  }

  /** A message can be opened with the secrets of its own epoch only, so a change of the group means to start anew. */
  async #attempt(uploadId: string): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const record = this.#records.get(uploadId)
      if (record === undefined || this.#closed) return
      const { stateId, tags } = await this.#upload(record)
      if (await this.#send(uploadId, stateId, tags)) return
    }
    throw new ClientError("timeout", "The group is changing all the time.")
  }

  async #upload({ groupId, uploadId, files }: UploadRecord) {
    const { world, groups } = this.#options
    const access = world.engine.mediaAccess(world.crypto, groups.require(groupId))
    if (access === undefined) throw new ClientError("not_active", NO_FILES)
    if (world.media === undefined) throw new ClientError("not_implemented", NO_SERVER)
    const { stateId, secret } = access
    const servers = [...new Set([...access.servers, ...world.media.servers])]
    const tags: string[][] = []
    for (const [index, { mediaType, filename, dim }] of files.entries()) {
      const bytes = await world.store.get("media", uploadFileKey(uploadId, index))
      if (bytes === undefined) throw new ClientError("internal", "A file is not there any more.")
      const nonce = world.random(12)
      const { blob, ...sealed } = sealFile({ secret, nonce, bytes, mediaType, filename })
      // A key of its own for each file: the server learns no account, and can't tell what belongs together.
      const secretKey = generateSecretKey((length) => world.random(length))
      const { url } = await world.media.blossom.upload({ blob, servers, secretKey })
      const locators = [{ kind: BLOSSOM, value: url }]
      const named = { mediaType, filename, dim, thumbhash: undefined }
      tags.push(mediaTag({ version: "encrypted-media-v2", locators, ...sealed, ...named }))
    }
    return { stateId, tags }
  }

  /** False if the group has changed since the files were sealed. */
  #send(uploadId: string, stateId: string, tags: readonly (readonly string[])[]): Promise<boolean> {
    const { mailbox, groups, world } = this.#options
    return mailbox.run(async (draft) => {
      const record = this.#records.get(uploadId, draft)
      if (record === undefined || this.#post === undefined) return true
      const { groupId, message, files } = record
      const access = world.engine.mediaAccess(world.crypto, groups.require(groupId, draft))
      if (access?.stateId !== stateId) return false
      const whole = { ...message, tags: [...(message.tags ?? []), ...tags] }
      const { messageId } = await this.#post(draft, groupId, whole, stateId)
      const sent = await this.#options.timeline.message(draft, groupId, messageId)
      const indexes = sent === undefined ? [] : attachmentIndexes(sent.rumor)
      for (const [place, index] of indexes.slice(-files.length).entries()) {
        const bytes = await readFile(world.store, uploadFileKey(uploadId, place), draft)
        draft.put("media", fileKey(groupId, messageId, index), bytes)
      }
      this.#delete(draft, record)
      draft.after(() => this.#waiters.resolve(uploadId, { messageId }))
      return true
    })
  }

  async #fail(uploadId: string, error: unknown): Promise<void> {
    if (this.#closed) return
    const failure =
      error instanceof BlossomError
        ? new ClientError("publish_failed", uploadWords(error))
        : asClientError(error)
    const { mailbox, world } = this.#options
    try {
      await mailbox.run((draft) => {
        const record = this.#records.get(uploadId, draft)
        if (record === undefined) return
        this.#records.put(draft, { ...record, failure: failure.message })
        draft.change({ topic: "timeline", groupId: record.groupId })
      })
    } catch (problem) {
      world.log("a failed upload could not be stored", problem)
    }
    this.#waiters.reject(uploadId, failure)
  }
}

const NO_FILES = "This group takes no files."
const NO_SERVER = "There is no media server to send files to."

function uploadWords({ code }: BlossomError): string {
  if (code === "no_server") return NO_SERVER
  if (code === "too_large") return "The file is too large for the media server."
  if (code === "unreachable") return "The media server can't be reached."
  return "The media server did not take the file."
}

function checkedFile({ bytes, filename, mediaType, dim }: NewAttachments["files"][number]) {
  const name = filename.replace(/\0/g, "").replace(/\p{Surrogate}/gu, "") || "file"
  if (new TextEncoder().encode(name).length > MAX_FILENAME) {
    throw new ClientError("invalid_input", "The name of the file is too long.")
  }
  if (bytes.length === 0) throw new ClientError("invalid_input", "The file is empty.")
  if (bytes.length > MAX_FILE) throw new ClientError("invalid_input", "The file is too large.")
  const file: UploadFile = {
    filename: name,
    mediaType: canonicalMediaType(mediaType) ?? "application/octet-stream",
    dim: dim !== undefined && dim.length <= MAX_DIM && /^\d+x\d+$/.test(dim) ? dim : undefined,
    size: bytes.length,
  }
  return file
}

function checkTotal(files: readonly UploadFile[]): void {
  if (files.length === 0 || files.length > MAX_ATTACHMENTS) {
    throw new ClientError("invalid_input", `A message takes 1 to ${MAX_ATTACHMENTS} files.`)
  }
  if (files.reduce((sum, { size }) => sum + size, 0) > MAX_TOTAL) {
    throw new ClientError("invalid_input", "These files are too large for one message.")
  }
}
