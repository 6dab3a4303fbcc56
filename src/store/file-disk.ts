// Storage on Node: the file operations that the file store needs, and what their failures mean.

import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises"
import { StoreError } from "./error.ts"

/** A file that is written. */
export interface DiskFile {
  /** All bytes, at `position`; not yet durable. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** What was written is durable when it resolves. */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

/** A port, so that tests can lose power in the middle. Rejects with whatever the system says. */
export interface Disk {
  makeDirectory(path: string): Promise<void>
  list(directory: string): Promise<readonly string[]>
  /** `undefined` if there is no such file. */
  read(path: string): Promise<Uint8Array | undefined>
  /** Opens a file for writing, which only its owner may read. `create`: fails if it is there; else if it is not. */
  open(path: string, mode: "create" | "existing"): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  /** Without complaint if there is no such file. */
  remove(path: string): Promise<void>
  /** Names made, changed and removed in a directory are durable when it resolves. */
  syncDirectory(path: string): Promise<void>
}

export const nodeDisk: Disk = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 })
  },
  list: (directory) => readdir(directory),
  async read(path) {
    try {
      return await readFile(path)
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined
      throw error
    }
  },
  async open(path, mode) {
    const handle = await open(path, mode === "create" ? "wx" : "r+", 0o600)
    return {
      async write(bytes, position) {
        for (let done = 0; done < bytes.length;) {
          const rest = bytes.length - done
          done += (await handle.write(bytes, done, rest, position + done)).bytesWritten
        }
      },
      sync: () => handle.datasync(),
      truncate: (length) => handle.truncate(length),
      close: () => handle.close(),
    }
  },
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { force: true }),
  async syncDirectory(path) {
    // Windows opens no directories, and journals their changes by itself.
    if (process.platform === "win32") return
    const handle = await open(path, "r")
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
}

/** Writes a file that is there as a whole or not at all, whatever happens. The name is durable too. */
export async function writeWhole(
  disk: Disk,
  directory: string,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const draft = `${directory}/${name}${draftSuffix}`
  await disk.remove(draft)
  const file = await disk.open(draft, "create")
  try {
    await file.write(bytes, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(draft, `${directory}/${name}`)
  await disk.syncDirectory(directory)
}

/** Of files that are not whole yet. */
export const draftSuffix = ".new"

/** What an error of the file system means. Its text, which names paths, is kept as the cause only. */
export function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const code = codeOf(error) ?? "no code"
  const options = { cause: error }
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") {
    return new StoreError("quota", `the disk has no more room (${code})`, options)
  }
  if (["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"].includes(code)) {
    return new StoreError("unavailable", `the directory cannot be used (${code})`, options)
  }
  return new StoreError("io", `the disk failed (${code})`, options)
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined
  return typeof error.code === "string" ? error.code : undefined
}
