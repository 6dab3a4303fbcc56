// Files on this device: those of messages, those that wait to be sent, and groups' pictures; sealed like all records.

import { sha256 } from "@noble/hashes/sha2.js"
import { attachmentsOf } from "../marmot/media-file.ts"
import { bytesToHex, type Rumor } from "../nostr/event.ts"
import type { Store, StoreKey } from "../store/types.ts"
import type { Draft } from "./draft.ts"

/** The file of a message's attachment, by the place of its tag. It goes with its message. */
export const fileKey = (groupId: string, messageId: string, index: number): StoreKey => ({
  scope: filesScope(groupId),
  sort: `${messageId}:${index}`,
})

export const uploadFileKey = (uploadId: string, index: number): StoreKey => ({
  scope: `upload:${uploadId}`,
  sort: String(index).padStart(4, "0"),
})

/** A group has one picture; `name`: the hash of the encrypted one, or `webPictureName`. */
export const imageKey = (groupId: string, name: string): StoreKey => ({
  scope: imageScope(groupId),
  sort: name,
})

export const webPictureName = (url: string) =>
  `web-${bytesToHex(sha256(new TextEncoder().encode(url)))}`

const filesScope = (groupId: string) => `files:${groupId}`
const imageScope = (groupId: string) => `image:${groupId}`

/** Where the tags of a message's attachments are among its tags. */
export function attachmentIndexes(rumor: Rumor): readonly number[] {
  return [...attachmentsOf(rumor).keys()]
}

/** Deletes the files that a message has brought. */
export function forgetFiles(draft: Draft, groupId: string, rumor: Rumor): void {
  for (const index of attachmentIndexes(rumor)) {
    draft.put("media", fileKey(groupId, rumor.id, index), undefined)
  }
}

/** Deletes all files of a group. */
export async function forgetMedia(store: Store, draft: Draft, groupId: string): Promise<void> {
  for (const scope of [filesScope(groupId), imageScope(groupId)]) {
    for (const { sort } of await store.range("media", scope)) {
      draft.put("media", { scope, sort }, undefined)
    }
  }
}

/** A file of this step's own, or of the store. */
export async function readFile(
  store: Store,
  key: StoreKey,
  draft?: Draft,
): Promise<Uint8Array | undefined> {
  const written = draft?.written("media", key)
  if (written === null) return undefined
  return written ?? store.get("media", key)
}
