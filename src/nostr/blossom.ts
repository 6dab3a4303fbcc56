// Blossom (BUD-01, BUD-02, BUD-11): encrypted blobs on media servers, up and down, bounded and checked.

import { sha256 } from "@noble/hashes/sha2.js"
import { base64urlnopad } from "@scure/base"
import { BlossomError } from "./error.ts"
import { bytesToHex, finalizeEvent } from "./event.ts"
import { isPublicUrl } from "./host-safety.ts"
import type { Timer, Timers } from "./timers.ts"

const AUTHORIZATION_KIND = 24242
/** Seconds. */
const AUTHORIZATION_LIFE = 600
const MAX_DESCRIPTOR = 16 * 1024
const MAX_LOCATOR = 2_048
/** Until the first byte of an answer; what is sent or received gets a minute more for each MiB. */
const ANSWER_MS = 30_000
/** Between two pieces of a body. */
const STALL_MS = 30_000
/** Whoever is slower than this, there or back, is not waited for: others want their turn. */
const MS_PER_MIB = 60_000
const MIB = 1024 * 1024

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>

export interface BlossomOptions {
  readonly fetch: Fetch
  readonly timers: Timers
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Base URLs that the local user has chosen: they may be contacted wherever they are, loopback included. */
  readonly trusted: readonly string[]
}

export interface Upload {
  readonly blob: Uint8Array
  /** Base URLs, in the order in which they are tried. */
  readonly servers: readonly string[]
  /** Signs the authorization: a Nostr secret key, 32 bytes. */
  readonly secretKey: Uint8Array
}

export interface Download {
  /** 64 lowercase hex: what the blob must have. */
  readonly sha256: string
  /** Where its sender says that it is. */
  readonly locators: readonly string[]
  /** Base URLs that are asked for the hash after that. */
  readonly servers: readonly string[]
  /** Bytes. */
  readonly maxBytes: number
  readonly onProgress?: (received: number, total: number | undefined) => void
}

export class Blossom {
  readonly #options: BlossomOptions
  readonly #trusted: ReadonlySet<string>

  constructor(options: BlossomOptions) {
    this.#options = options
    this.#trusted = new Set(options.trusted.flatMap((url) => originOf(url) ?? []))
  }

  /**
   * Gives the blob to the first server that takes it; the address that it answers with. Rejects with `BlossomError`:
   * `no_server`, or why the last server did not take it.
   */
  async upload({ blob, servers, secretKey }: Upload): Promise<{ readonly url: string }> {
    const hash = bytesToHex(sha256(blob))
    let failure = new BlossomError("no_server", "there is no media server to upload to")
    for (const server of servers) {
      if (!this.#mayContact(server)) continue
      try {
        return await this.#put(server, { blob, hash, secretKey })
      } catch (error) {
        failure = asBlossomError(error)
      }
    }
    throw failure
  }

  /** The blob, its hash verified. Rejects with `BlossomError`: `no_server`, or why the last address failed. */
  async download(wanted: Download): Promise<Uint8Array> {
    let failure = new BlossomError("no_server", "there is no media server to ask")
    for (const url of addressesOf(wanted)) {
      if (!this.#mayContact(url)) continue
      try {
        const bytes = await this.#get(url, wanted)
        if (bytesToHex(sha256(bytes)) === wanted.sha256) return bytes
        failure = new BlossomError("wrong_hash", "the server has another file under this address")
      } catch (error) {
        failure = asBlossomError(error)
      }
    }
    throw failure
  }

  /** What is at an address that somebody else has named, whatever it is. Rejects with `BlossomError`. */
  async fetchFrom(url: string, maxBytes: number): Promise<Uint8Array> {
    if (!this.#mayContact(url)) throw new BlossomError("no_server", "an address to stay away from")
    return this.#get(url, { maxBytes })
  }

  /** Hosts that others name must be public (marmot-wire §11); what the user has chosen need not be. */
  #mayContact(url: string): boolean {
    const origin = originOf(url)
    return origin !== undefined && (this.#trusted.has(origin) || isPublicUrl(url))
  }

  async #put(
    server: string,
    { blob, hash, secretKey }: Omit<Upload, "servers"> & { readonly hash: string },
  ): Promise<{ readonly url: string }> {
    const allowed = ANSWER_MS + Math.ceil(blob.length / MIB) * MS_PER_MIB
    const { response, stop } = await this.#request(`${rootOf(server)}/upload`, allowed, {
      method: "PUT",
      headers: {
        authorization: this.#authorization(hash, new URL(server).hostname, secretKey),
        "content-type": "application/octet-stream",
        "x-sha-256": hash,
      },
      body: new Uint8Array(blob),
    })
    try {
      if (!response.ok) throw refusal(response)
      return descriptorOf(await this.#body(response, MAX_DESCRIPTOR), hash)
    } finally {
      stop()
    }
  }

  async #get(
    url: string,
    { maxBytes, onProgress }: Pick<Download, "maxBytes" | "onProgress">,
  ): Promise<Uint8Array> {
    const { response, stop } = await this.#request(url, ANSWER_MS, { method: "GET" })
    try {
      if (!response.ok) throw refusal(response)
      return await this.#body(response, maxBytes, onProgress)
    } finally {
      stop()
    }
  }

  /** Redirects are refused: where they lead can't be judged beforehand. */
  async #request(
    url: string,
    allowed: number,
    init: RequestInit,
  ): Promise<{ readonly response: Response; readonly stop: () => void }> {
    const { fetch, timers } = this.#options
    const controller = new AbortController()
    const stop = () => controller.abort()
    const timer = timers.setTimeout(stop, allowed)
    try {
      const response = await fetch(url, {
        ...init,
        redirect: "error",
        credentials: "omit",
        referrerPolicy: "no-referrer",
        cache: "no-store",
        signal: controller.signal,
      })
      return { response, stop }
    } catch {
      throw new BlossomError("unreachable", "the media server can't be reached")
    } finally {
      timers.clearTimeout(timer)
    }
  }

  /** At most `maxBytes`, whatever the server announces. */
  async #body(
    response: Response,
    maxBytes: number,
    onProgress?: Download["onProgress"],
  ): Promise<Uint8Array> {
    const announced = Number(response.headers.get("content-length") ?? NaN)
    if (announced > maxBytes) throw tooLarge()
    const reader = response.body?.getReader()
    if (reader === undefined) return new Uint8Array()
    const chunks: Uint8Array[] = []
    let size = 0
    const { now } = this.#options
    const start = now()
    try {
      for (;;) {
        const { done, value } = await this.#inTime(reader.read())
        if (done) return joined(chunks, size)
        size += value.length
        if (size > maxBytes) throw tooLarge()
        if (now() - start > ANSWER_MS + (size / MIB) * MS_PER_MIB) throw tooSlow()
        chunks.push(value)
        onProgress?.(size, Number.isNaN(announced) ? undefined : announced)
      }
    } catch (error) {
      void reader.cancel().catch(() => undefined)
      throw asBlossomError(error)
    }
  }

  async #inTime<T>(wait: Promise<T>): Promise<T> {
    const { timers } = this.#options
    let timer: Timer | undefined
    const late = new Promise<never>((_, reject) => {
      const words = "the media server has stopped answering"
      timer = timers.setTimeout(() => reject(new BlossomError("unreachable", words)), STALL_MS)
    })
    try {
      return await Promise.race([wait, late])
    } finally {
      timers.clearTimeout(timer)
    }
  }

  /** BUD-11: base64url without padding. */
  #authorization(hash: string, host: string, secretKey: Uint8Array): string {
    const created_at = Math.floor(this.#options.now() / 1000)
    const tags = [
      ["t", "upload"],
      ["x", hash],
      ["expiration", String(created_at + AUTHORIZATION_LIFE)],
      ["server", host],
    ]
    const template = { created_at, kind: AUTHORIZATION_KIND, tags, content: "Upload Blob" }
    const event = finalizeEvent(template, secretKey)
    return `Nostr ${base64urlnopad.encode(new TextEncoder().encode(JSON.stringify(event)))}`
  }
}

/** The sender's addresses first; then the servers, each with and without the extension that some demand. */
function addressesOf({ sha256: hash, locators, servers }: Download): readonly string[] {
  const fallbacks = servers.flatMap((server) =>
    ["", ".bin"].map((extension) => `${rootOf(server)}/${hash}${extension}`),
  )
  return [...new Set([...locators, ...fallbacks])]
}

/** Whether `url` can be the base URL of a server: http(s), without credentials, query or fragment. */
export function isServerUrl(url: string): boolean {
  if (!URL.canParse(url) || /[?#]/.test(url) || url.length > MAX_LOCATOR) return false
  const { protocol, username, password } = new URL(url)
  return /^https?:$/.test(protocol) && username === "" && password === ""
}

const rootOf = (server: string) => server.replace(/\/+$/, "")

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined
}

/** The server's answer to an upload (BUD-02): our hash, and an address over http(s). */
function descriptorOf(bytes: Uint8Array, hash: string): { readonly url: string } {
  const { url, sha256: stored } = parsed(bytes)
  if (stored !== hash) throw new BlossomError("wrong_hash", "the media server has changed the file")
  const isAddress =
    typeof url === "string" &&
    url.length <= MAX_LOCATOR &&
    /^https?:\/\//.test(url) &&
    URL.canParse(url) &&
    url.includes(hash)
  if (!isAddress) throw new BlossomError("bad_answer", "the media server's answer makes no sense")
  return { url }
}

function parsed(bytes: Uint8Array): { readonly url?: unknown; readonly sha256?: unknown } {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
    if (typeof value === "object" && value !== null) return value
  } catch {
    // Told below.
  }
  throw new BlossomError("bad_answer", "the media server's answer makes no sense")
}

function refusal({ status }: Response): BlossomError {
  if (status === 404 || status === 410) {
    return new BlossomError("not_found", "the media server does not have the file")
  }
  if (status === 413) return new BlossomError("too_large", "the file is too large for the server")
  return new BlossomError("refused", `the media server refused (${status})`)
}

const tooSlow = () => new BlossomError("unreachable", "the media server is too slow")

const tooLarge = () => new BlossomError("too_large", "the file is too large")

function asBlossomError(error: unknown): BlossomError {
  if (error instanceof BlossomError) return error
  return new BlossomError("unreachable", "the media server can't be reached")
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}
