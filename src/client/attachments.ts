// Files that others have sent, and groups' pictures: fetched when asked for, verified, opened and kept.

import { noImage, openGroupImage, sealGroupImage } from "../marmot/group-image.ts"
import type { BlossomImage } from "../marmot/components/blossom-image.ts"
import { MarmotError } from "../marmot/error.ts"
import { attachmentsOf, BLOSSOM, openFile } from "../marmot/media-file.ts"
import { isCanonicalMediaType } from "../marmot/media-type.ts"
import { BlossomError } from "../nostr/error.ts"
import { bytesToHex, hexToBytes } from "../nostr/event.ts"
import { ClientError } from "./api.ts"
import type { FileView } from "./api.ts"
import { fileKey, imageKey, webPictureName } from "./media-records.ts"
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
    const reference = record && attachmentsOf(record.rumor).get(index)
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

  /** The group's picture, or `undefined` if it has none. One that is somewhere on the web is not fetched unasked. */
  async image(groupId: string): Promise<FileView | undefined> {
    const { groups, world, chats } = this.#session
    const { image, url } = world.engine.groupAvatar(groups.require(groupId))
    if (url !== undefined) {
      if (chats.get(groupId)?.webPicture !== url) return undefined
      const bytes = await this.#webPicture(groupId, url)
      return { bytes, mediaType: pictureType(bytes) ?? "", filename: "" }
    }
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
      await this.#keepImage(groupId, hash, opened)
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
    await this.#keepImage(groupId, bytesToHex(image.imageHash), bytes)
    return done
  }

  /** The user wants to see it, though its server will know that somebody here does. */
  async showWebPicture(groupId: string): Promise<void> {
    const { mailbox, world, groups, chats } = this.#session
    const { url } = world.engine.groupAvatar(groups.require(groupId))
    if (url === undefined) throw unavailable("The group has no picture on the web.")
    await this.#webPicture(groupId, url)
    await mailbox.run((draft) => chats.showWebPicture(draft, groupId, url))
  }

  async #webPicture(groupId: string, url: string): Promise<Uint8Array> {
    const { world } = this.#session
    const name = webPictureName(url)
    const stored = await world.store.get("media", imageKey(groupId, name))
    if (stored !== undefined) return stored
    return this.#once(`${groupId}:${name}`, async () => {
      const { blossom } = this.#ports()
      const bytes = await orUnavailable(() => blossom.fetchFrom(url, MAX_IMAGE), pictureWords)
      if (pictureType(bytes) === undefined) throw unavailable("What is there is no picture.")
      await this.#keepImage(groupId, name, bytes)
      return bytes
    })
  }

  /** Only the newest picture is kept. */
  async #keepImage(groupId: string, name: string, bytes: Uint8Array): Promise<void> {
    const { mailbox, world, groups } = this.#session
    const { scope, sort } = imageKey(groupId, name)
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
    const servers = this.#servers(groupId)
    return orUnavailable(() => blossom.download({ ...wanted, servers }), words)
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

/** What a server says of it counts for nothing: a picture begins as one. */
function pictureType(bytes: Uint8Array): string | undefined {
  const head = bytesToHex(bytes.subarray(0, 12))
  return SIGNATURES.find(([signature]) => signature.test(head))?.[1]
}

/** The first bytes in hex; of WebP (`RIFF`, a length, `WEBP`) the length may be any. */
const SIGNATURES: readonly (readonly [RegExp, string])[] = [
  [/^89504e470d0a1a0a/, "image/png"],
  [/^ffd8ff/, "image/jpeg"],
  [/^474946383[79]61/, "image/gif"],
  [/^52494646.{8}57454250/, "image/webp"],
]

async function orUnavailable<T>(
  fetch: () => Promise<T>,
  sentences: Record<BlossomError["code"], string>,
): Promise<T> {
  try {
    return await fetch()
  } catch (error) {
    if (!(error instanceof BlossomError)) throw error
    throw unavailable(sentences[error.code])
  }
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

const pictureWords: Record<BlossomError["code"], string> = {
  no_server: "The picture is at an address that must not be contacted.",
  unreachable: "Its server can't be reached, or does not let apps have the picture.",
  not_found: "The picture is not there any more.",
  too_large: "The picture is too large.",
  refused: "Its server does not give the picture.",
  wrong_hash: "There is another picture in its place.",
  bad_answer: "The server's answer makes no sense.",
}

const unavailable = (message: string) => new ClientError("unavailable", message)
