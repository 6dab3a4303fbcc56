// The headless client's files: from a path into a message, and from a message to a path.

import { readFile, writeFile } from "node:fs/promises"
import { basename, extname } from "node:path"
import type { ClientApi } from "../client/api.ts"
import { CliError, optionalInteger, optionalText, text } from "./protocol.ts"
import type { Params } from "./protocol.ts"

const PAGE = 500
/** By the extension; what is not here goes as bytes. */
const TYPES: Readonly<Record<string, string>> = {
  ".gif": "image/gif",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".json": "application/json",
  ".mp3": "audio/mpeg",
  ".mp4": "video/mp4",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".txt": "text/plain",
  ".webp": "image/webp",
}

/** Sends the file at `path`; answers when the message is on its way. */
export async function sendFile(api: ClientApi, params: Params): Promise<unknown> {
  const path = text(params, "path")
  const bytes = await readFile(path).catch(() => {
    throw new CliError("invalid_params", `${path} can't be read`)
  })
  const { messageId } = await api.sendAttachments(text(params, "groupId"), {
    caption: optionalText(params, "caption") ?? "",
    files: [
      {
        bytes: new Uint8Array(bytes),
        filename: basename(path),
        mediaType: TYPES[extname(path).toLowerCase()] ?? "application/octet-stream",
      },
    ],
    wait: true,
  })
  return { messageId }
}

/** Writes an attachment, the first one unless `index` counts further, to `path`. */
export async function fetchFile(api: ClientApi, params: Params): Promise<unknown> {
  const groupId = text(params, "groupId")
  const messageId = text(params, "messageId")
  const wanted = optionalInteger(params, "index") ?? 0
  const attachment = await find(api, groupId, messageId, wanted)
  if (attachment === undefined) {
    throw new CliError("invalid_params", "there is no such attachment")
  }
  const { bytes, mediaType } = await api.attachment(groupId, messageId, attachment)
  await writeFile(text(params, "path"), bytes)
  return { bytes: bytes.length, type: mediaType }
}

/** Where the attachment is within its message. */
async function find(
  api: ClientApi,
  groupId: string,
  messageId: string,
  wanted: number,
): Promise<number | undefined> {
  let before: string | undefined
  do {
    const page = await api.timeline(groupId, {
      limit: PAGE,
      ...(before === undefined ? {} : { before }),
    })
    for (const item of page.items) {
      if (item.type !== "message" || item.messageId !== messageId) continue
      return item.attachments[wanted]?.index
    }
    before = page.before
  } while (before !== undefined)
  return undefined
}
