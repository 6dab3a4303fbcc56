// Files that others have sent, and groups' pictures: fetched when asked for, verified, opened and kept.

import { noImage, openGroupImage, sealGroupImage } from "../marmot/group-image.ts"
import type { BlossomImage } from "../marmot/components/blossom-image.ts"
import { MarmotError } from "../marmot/error.ts"
import { BLOSSOM, openFile, referenceOf } from "../marmot/media-file.ts"
import { isCanonicalMediaType } from "../marmot/media-type.ts"
import { BlossomError } from "../nostr/error.ts"
import { bytesToHex, hexToBytes } from "../nostr/event.ts"
import { ClientError } from "./api.ts"
import type { FileView } from "./api.ts"
import { fileKey, imageKey } from "./media-records.ts"
import type { MediaPorts } from "./ports.ts"
import type { Session } from "./session.ts"
import { MAX_FILE } from "./uploads.ts"

/** Bytes of a group's picture. */
const MAX_IMAGE = 10 * 1024 * 1024
const TAG_BYTES = 16
const IMAGE_TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"]
const NO_IMAGE = "The picture is not available."

export class Attachments {
  readonly #session: Session
  /** Under way, so that two tabs fetch once. */
  readonly #fetching = new Map<string, Promise<Uint8Array>>()

  constructor(session: Session) {
    this.#session = session
  }

  /** The attachment whose tag is at `index`. Rejects with `unavailable`: another time it may work. */
  async file(groupId: string, messageId: string, index: number): Promise<FileView> {
    const { mailbox, timeline, groups, world } = this.#session
    groups.require(groupId)
    const record = await mailbox.run((draft) => timeline.message(draft, groupId, messageId))
    const reference = referenceOf(record?.rumor.tags[index] ?? [])
    if (record === undefined || reference === undefined) {
      throw new ClientError("unknown_message", "There is no such attachment.")
    }
    const key = fileKey(groupId, messageId, index)
    const { mediaType, filename, ciphertextSha256: sha256 } = reference
    const stored = await world.store.get("media", key)
    if (stored !== undefined) return { bytes: stored, mediaType, filename }
    const keys = record.mediaKeys?.[index] ?? []
    if (keys.length === 0) throw unavailable("The key of this file is not known here.")
    const bytes = await this.#once(`${messageId}:${index}`, async () => {
      const locators = reference.locators
        .filter(({ kind }) => kind === BLOSSOM)
        .map(({ value }) => value)
      const wanted = { sha256: sha256.toLowerCase(), locators, maxBytes: MAX_FILE + TAG_BYTES }
      const blob = await this.#download(groupId, wanted)
      const file = firstThatOpens(keys, (each) => openFile(reference, hexToBytes(each), blob))
      await mailbox.run(async (draft) => {
        // It may have been deleted meanwhile.
        const still = await timeline.message(draft, groupId, messageId)
        if (still !== undefined) draft.put("media", key, file)
      })
      return file
    })
    return { bytes, mediaType, filename }
  }

  /** The group's picture, or `undefined` if it has none. One that is only an address on the web is not fetched. */
  async image(groupId: string): Promise<FileView | undefined> {
    const { groups, world } = this.#session
    const { image } = world.engine.groupAvatar(groups.require(groupId))
    if (image === undefined || !IMAGE_TYPES.includes(image.mediaType)) return undefined
    const hash = bytesToHex(image.imageHash)
    const key = imageKey(groupId, hash)
    const named = { mediaType: image.mediaType, filename: "" }
    const stored = await world.store.get("media", key)
    if (stored !== undefined) return { bytes: stored, ...named }
    const bytes = await this.#once(`${groupId}:${hash}`, async () => {
      const wanted = { sha256: hash, locators: [], maxBytes: MAX_IMAGE + TAG_BYTES }
      const blob = await this.#download(groupId, wanted)
      const opened = firstThatOpens([image], (each) => openGroupImage(each, blob), NO_IMAGE)
      await this.#keepImage(groupId, image, opened)
      return opened
    })
    return { bytes, ...named }
  }

  /** Seals and uploads the picture, and has the group take it; `undefined`: none any more. Admins only. */
  async setImage(
    groupId: string,
    picture: { readonly bytes: Uint8Array; readonly mediaType: string } | undefined,
    change: (image: BlossomImage) => Promise<{ epoch: number }>,
  ): Promise<{ epoch: number }> {
    if (picture === undefined) return change(noImage)
    const { bytes, mediaType } = picture
    if (!isCanonicalMediaType(mediaType) || !IMAGE_TYPES.includes(mediaType)) {
      throw new ClientError("invalid_input", "A picture must be PNG, JPEG, GIF or WebP.")
    }
    if (bytes.length === 0 || bytes.length > MAX_IMAGE) {
      throw new ClientError("invalid_input", "The picture is too large.")
    }
    const { world } = this.#session
    const { image, blob } = sealGroupImage({ bytes, mediaType, random: (n) => world.random(n) })
    const { blossom } = this.#ports()
    const servers = this.#servers(groupId)
    try {
      await blossom.upload({ blob, servers, secretKey: image.imageUploadKey })
    } catch (error) {
      if (!(error instanceof BlossomError)) throw error
      throw new ClientError("publish_failed", "No media server took the picture.")
    }
    const done = await change(image)
    await this.#keepImage(groupId, image, bytes)
    return done
  }

  /** Only the newest picture is kept. */
  async #keepImage(groupId: string, image: BlossomImage, bytes: Uint8Array): Promise<void> {
    const { mailbox, world, groups } = this.#session
    const { scope, sort } = imageKey(groupId, bytesToHex(image.imageHash))
    await mailbox.run(async (draft) => {
      if (groups.get(groupId, draft) === undefined) return
      for (const old of await world.store.range("media", scope)) {
        draft.put("media", { scope, sort: old.sort }, undefined)
      }
      draft.put("media", { scope, sort }, bytes)
    })
  }

  async #download(
    groupId: string,
    wanted: { readonly sha256: string; readonly locators: readonly string[]; maxBytes: number },
  ): Promise<Uint8Array> {
    const { blossom } = this.#ports()
    try {
      return await blossom.download({ ...wanted, servers: this.#servers(groupId) })
    } catch (error) {
      if (!(error instanceof BlossomError)) throw error
      throw unavailable(words[error.code])
    }
  }

  #ports(): MediaPorts {
    const { media } = this.#session.world
    if (media === undefined) throw unavailable("There is no media server.")
    return media
  }

  /** The group's servers, then our own. */
  #servers(groupId: string): readonly string[] {
    const { world, groups } = this.#session
    const { servers } = this.#ports()
    return [...new Set([...world.engine.mediaServers(groups.require(groupId)), ...servers])]
  }

  async #once(name: string, fetch: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const running = this.#fetching.get(name)
    if (running !== undefined) return running
    const started = fetch().finally(() => this.#fetching.delete(name))
    this.#fetching.set(name, started)
    return started
  }
}

function firstThatOpens<K>(
  keys: readonly K[],
  open: (key: K) => Uint8Array,
  problem = "The file can't be opened.",
): Uint8Array {
  for (const key of keys) {
    try {
      return open(key)
    } catch (error) {
      if (!(error instanceof MarmotError)) throw error
    }
  }
  throw unavailable(problem)
}

const words: Record<BlossomError["code"], string> = {
  no_server: "The file is on no media server that may be asked.",
  unreachable: "The media server can't be reached.",
  not_found: "The media server does not have the file any more.",
  too_large: "The file is too large.",
  refused: "The media server does not give the file.",
  wrong_hash: "The media server has another file in its place.",
  bad_answer: "The media server's answer makes no sense.",
}

const unavailable = (message: string) => new ClientError("unavailable", message)
