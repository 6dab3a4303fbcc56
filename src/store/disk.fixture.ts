// A disk in memory that loses power at an operation of the test's choice, and then holds what a real one might.

import { lcg } from "./conformance-kit.fixture.ts"
import type { Disk, DiskFile } from "./file-disk.ts"

class PowerLost extends Error {}

/** How much of what was not synced survives. */
export type Loss = "all" | "nothing" | { readonly seed: number }

export interface Trouble {
  /** The operation at which it happens, counted from 1; only those that change something count. */
  readonly at: number
  /** `undefined`: the power goes, the operation is half done. Else it fails with this code, once. */
  readonly code?: string
}

interface Content {
  written: Uint8Array
  synced: Uint8Array
}

type Names = ReadonlyMap<string, Content>

export class SimulatedDisk implements Disk {
  operations = 0
  readonly #trouble: Trouble | undefined
  #off = false
  #names: Names
  /** Every state of the names since they were last synced, oldest first. */
  #history: Names[]

  constructor(trouble?: Trouble, names: Names = new Map()) {
    this.#trouble = trouble
    this.#names = names
    this.#history = [names]
  }

  /** The disk that the next process finds. Locks go: their owner is dead, though this process lives. */
  afterPowerLoss(loss: Loss, trouble?: Trouble): SimulatedDisk {
    const random = lcg(typeof loss === "object" ? loss.seed : 1)
    const last = this.#history.length - 1
    const kept = loss === "all" ? 0 : loss === "nothing" ? last : random(last + 1)
    const names = new Map<string, Content>()
    for (const [name, content] of this.#history[kept] ?? []) {
      if (/\/lock-/.test(name)) continue
      const bytes = survivors(content, loss, random)
      names.set(name, { written: bytes, synced: bytes })
    }
    return new SimulatedDisk(trouble, names)
  }

  bytesOf(path: string): Uint8Array | undefined {
    return this.#names.get(path)?.written
  }

  makeDirectory(): Promise<void> {
    return Promise.resolve()
  }

  list(directory: string): Promise<readonly string[]> {
    const start = `${directory}/`
    const paths = [...this.#names.keys()].filter((path) => path.startsWith(start))
    return Promise.resolve(paths.map((path) => path.slice(start.length)))
  }

  read(path: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#names.get(path)?.written.slice())
  }

  async open(path: string, mode: "create" | "existing"): Promise<DiskFile> {
    const found = this.#names.get(path)
    if ((found === undefined) !== (mode === "create")) throw new Error(`${mode}: ${path}`)
    const content = found ?? { written: new Uint8Array(0), synced: new Uint8Array(0) }
    if (found === undefined) {
      await this.#change(() => this.#rename((names) => names.set(path, content)))
    }
    return {
      write: (bytes, position) =>
        this.#change(
          () => overwrite(content, bytes, position),
          () => overwrite(content, bytes.subarray(0, bytes.length >> 1), position),
        ),
      sync: () =>
        this.#change(() => {
          content.synced = content.written
        }),
      truncate: (length) =>
        this.#change(() => {
          content.written = content.written.slice(0, length)
        }),
      close: () => Promise.resolve(),
    }
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change(() =>
      this.#rename((names) => {
        const content = names.get(from)
        if (content === undefined) throw new Error(`no ${from}`)
        names.delete(from)
        names.set(to, content)
      }),
    )
  }

  remove(path: string): Promise<void> {
    if (!this.#names.has(path)) return Promise.resolve()
    return this.#change(() => this.#rename((names) => names.delete(path)))
  }

  syncDirectory(): Promise<void> {
    return this.#change(() => {
      this.#history = [this.#names]
    })
  }

  #rename(change: (names: Map<string, Content>) => void): void {
    const names = new Map(this.#names)
    change(names)
    this.#names = names
    this.#history.push(names)
  }

  async #change(whole: () => void, half: () => void = () => undefined): Promise<void> {
    await Promise.resolve()
    if (this.#off) throw new PowerLost()
    this.operations++
    if (this.operations !== this.#trouble?.at) {
      whole()
      return
    }
    half()
    if (this.#trouble.code !== undefined) {
      throw Object.assign(new Error("trouble"), { code: this.#trouble.code })
    }
    this.#off = true
    throw new PowerLost()
  }
}

function overwrite(content: Content, bytes: Uint8Array, position: number): void {
  const written = new Uint8Array(Math.max(content.written.length, position + bytes.length))
  written.set(content.written)
  written.set(bytes, position)
  content.written = written
}

/** Sectors of what was written over what was synced, any of them; a length between; zeros where nothing arrived. */
function survivors(
  { written, synced }: Content,
  loss: Loss,
  random: (bound: number) => number,
): Uint8Array {
  if (loss === "all") return synced
  if (loss === "nothing" || written === synced) return written
  const shorter = Math.min(written.length, synced.length)
  const longer = Math.max(written.length, synced.length)
  const length = random(2) === 0 ? written.length : shorter + random(longer - shorter + 1)
  const bytes = new Uint8Array(length)
  bytes.set(synced.subarray(0, length))
  const sector = 64
  for (let at = 0; at < length; at += sector) {
    if (random(2) === 0) continue
    bytes.set(written.subarray(at, Math.min(at + sector, length)), at)
  }
  return bytes
}
