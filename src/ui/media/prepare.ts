// Files before they are sent: photos are drawn anew, which leaves out where and with what they were taken.

import type { NewAttachments } from "../../client/api.ts"

type NewFile = NewAttachments["files"][number]

/** What is shown as a picture; everything else can only be saved. SVG and HTML can act, so they are not here. */
const shownTypes = ["image/png", "image/jpeg", "image/gif", "image/webp"]
/** A GIF may move, and holds no place: it goes as it is. */
const redrawn = ["image/png", "image/jpeg", "image/webp"]
const quality = 0.9

export const isShown = (mediaType: string) => shownTypes.includes(mediaType)

/** Rejects for a picture that can't be read: it is not sent with what it may tell. */
export async function prepare(file: File): Promise<NewFile> {
  const filename = file.name === "" ? "file" : file.name
  const mediaType = file.type === "" ? "application/octet-stream" : file.type
  if (!isShown(mediaType)) return { bytes: await bytesOf(file), filename, mediaType }
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" })
  const dim = `${bitmap.width}x${bitmap.height}`
  try {
    const blob = redrawn.includes(mediaType) ? await redraw(bitmap, mediaType) : file
    return { bytes: await bytesOf(blob), filename, mediaType: blob.type, dim }
  } finally {
    bitmap.close()
  }
}

/** The picture of a group: square, at most 512 pixels. */
export async function prepareAvatar(file: File): Promise<Pick<NewFile, "bytes" | "mediaType">> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" })
  const side = Math.min(bitmap.width, bitmap.height)
  const target = Math.min(side, 512)
  const canvas = new OffscreenCanvas(target, target)
  const [x, y] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2]
  canvas.getContext("2d")?.drawImage(bitmap, x, y, side, side, 0, 0, target, target)
  bitmap.close()
  const blob = await canvas.convertToBlob({ type: "image/png" })
  return { bytes: await bytesOf(blob), mediaType: blob.type }
}

function redraw(bitmap: ImageBitmap, type: string): Promise<Blob> {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0)
  return canvas.convertToBlob({ type, quality })
}

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer())
