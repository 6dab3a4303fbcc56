// Where the development Blossom server keeps its blobs: in memory, or in a folder that survives restarts.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export interface BlobInfo {
  /** 64 hex. */
  readonly sha256: string
  readonly size: number
  readonly type: string
  /** Unix seconds. */
  readonly uploaded: number
  /** Accounts that have uploaded it, 64 hex each. */
  readonly owners: readonly string[]
}

export class BlobStorage {
  readonly #folder: string | undefined
  readonly #infos = new Map<string, BlobInfo>()
  readonly #bytes = new Map<string, Uint8Array>()

  /** `folder`: made if it is missing; blobs that lie in it are served. Absent: everything is in memory. */
  constructor(folder?: string) {
    this.#folder = folder
    if (folder === undefined) return
    mkdirSync(folder, { recursive: true })
    for (const name of readdirSync(folder)) {
      if (!/^[0-9a-f]{64}\.json$/.test(name)) continue
      const info = JSON.parse(readFileSync(join(folder, name), "utf8")) as BlobInfo
      this.#infos.set(info.sha256, info)
    }
  }

  info(sha256: string): BlobInfo | undefined {
    return this.#infos.get(sha256)
  }

  /** Newest first. */
  ownedBy(pubkey: string): readonly BlobInfo[] {
    const owned = [...this.#infos.values()].filter(({ owners }) => owners.includes(pubkey))
    return owned.sort((a, b) => b.uploaded - a.uploaded)
  }

  read(sha256: string): Uint8Array | undefined {
    if (!this.#infos.has(sha256)) return undefined
    const { blob } = this.#paths(sha256)
    return blob === undefined ? this.#bytes.get(sha256) : readFileSync(blob)
  }

  write(info: BlobInfo, bytes: Uint8Array): void {
    const { blob, card } = this.#paths(info.sha256)
    if (blob === undefined || card === undefined) this.#bytes.set(info.sha256, bytes)
    else {
      writeFileSync(`${blob}.part`, bytes)
      renameSync(`${blob}.part`, blob)
      // The card comes last: what it names is complete.
      writeFileSync(card, JSON.stringify(info))
    }
    this.#infos.set(info.sha256, info)
  }

  delete(sha256: string): void {
    const { blob, card } = this.#paths(sha256)
    for (const path of [card, blob]) if (path !== undefined) rmSync(path, { force: true })
    this.#bytes.delete(sha256)
    this.#infos.delete(sha256)
  }

  #paths(sha256: string): { readonly blob?: string; readonly card?: string } {
    if (this.#folder === undefined) return {}
    return {
      blob: join(this.#folder, `${sha256}.bin`),
      card: join(this.#folder, `${sha256}.json`),
    }
  }
}
