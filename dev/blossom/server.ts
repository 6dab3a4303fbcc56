// A Blossom server for development and tests: BUD-01 (GET, HEAD), BUD-02 (upload, delete, list), BUD-11 (authorization).

import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { authorize, type Demand } from "./authorization.ts"
import { type BlobInfo, BlobStorage } from "./storage.ts"

export interface BlossomServer {
  /** Base address, without a slash at the end. */
  readonly url: string
  close(): Promise<void>
}

export interface BlossomOptions {
  readonly host?: string
  /** 0: any free port. */
  readonly port: number
  /** Absent: blobs are in memory. */
  readonly dataDir?: string | undefined
  /** Largest blob, bytes. */
  readonly maxBytes?: number
}

const MAX_BYTES = 100 * 1024 * 1024

class Refusal extends Error {
  readonly status: number
  constructor(status: number, reason: string) {
    super(reason)
    this.status = status
  }
}

/** Rejects with the system's error if the address is taken. */
export async function startBlossom(options: BlossomOptions): Promise<BlossomServer> {
  const { host = "127.0.0.1", maxBytes = MAX_BYTES } = options
  const storage = new BlobStorage(options.dataDir)
  let url = ""
  const server = createServer((request, response) => {
    const context = { request, response, storage, maxBytes, url }
    void answer(context).catch((error: unknown) => {
      if (error instanceof Refusal) refuse(response, error.status, error.message)
      else refuse(response, 500, "internal error")
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(options.port, host, resolve)
  })
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : options.port
  url = `http://${host}:${port}`
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Context {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly storage: BlobStorage
  readonly maxBytes: number
  readonly url: string
}

type Handler = (context: Context) => void | Promise<void>

async function answer(context: Context): Promise<void> {
  const { request, response } = context
  // BUD-01: pages of any origin may use the server.
  response.setHeader("access-control-allow-origin", "*")
  response.setHeader("access-control-expose-headers", "x-reason")
  await handlerOf(request)(context)
}

function handlerOf({ method = "GET", url = "/" }: IncomingMessage): Handler {
  const { pathname } = new URL(url, "http://localhost")
  if (method === "OPTIONS") return preflight
  if (method === "PUT" && pathname === "/upload") return upload
  const listed = /^\/list\/([0-9a-f]{64})$/.exec(pathname)?.[1]
  if (method === "GET" && listed !== undefined) return (context) => list(context, listed)
  const sha256 = /^\/([0-9a-f]{64})(?:\.[A-Za-z0-9]+)?$/.exec(pathname)?.[1]
  if (sha256 === undefined) throw new Refusal(404, "no such address")
  if (method === "GET" || method === "HEAD") return (context) => get(context, sha256)
  if (method === "DELETE") return (context) => remove(context, sha256)
  throw new Refusal(405, "method not allowed")
}

function preflight({ response }: Context): void {
  response
    .writeHead(204, {
      "access-control-allow-methods": "GET, HEAD, PUT, DELETE",
      "access-control-allow-headers": "Authorization, *",
      "access-control-max-age": "86400",
    })
    .end()
}

function get({ request, response, storage }: Context, sha256: string): void {
  const info = storage.info(sha256)
  const bytes = storage.read(sha256)
  if (info === undefined || bytes === undefined) throw new Refusal(404, "no such blob")
  response.writeHead(200, {
    "content-type": info.type,
    "content-length": info.size,
    // Nothing that was uploaded may act as a page of this server.
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
  })
  response.end(request.method === "HEAD" ? undefined : bytes)
}

async function upload(context: Context): Promise<void> {
  const { request, storage, maxBytes } = context
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) {
    throw new Refusal(413, "the blob is too large")
  }
  const bytes = await body(request, maxBytes)
  const sha256 = createHash("sha256").update(bytes).digest("hex")
  const announced = request.headers["x-sha-256"]
  if (announced !== undefined && announced !== sha256) throw new Refusal(409, "another hash")
  const pubkey = authorized(context, { verb: "upload", sha256 })
  const known = storage.info(sha256)
  const info: BlobInfo = {
    sha256,
    size: bytes.length,
    type: request.headers["content-type"] ?? "application/octet-stream",
    uploaded: known?.uploaded ?? now(),
    owners: [...new Set([...(known?.owners ?? []), pubkey])],
  }
  storage.write(info, bytes)
  json(context, known === undefined ? 201 : 200, descriptor(context, info))
}

function list(context: Context, pubkey: string): void {
  if (authorized(context, { verb: "list" }) !== pubkey) throw new Refusal(403, "not your list")
  const blobs = context.storage.ownedBy(pubkey).map((info) => descriptor(context, info))
  json(context, 200, blobs)
}

function remove(context: Context, sha256: string): void {
  const { storage, response } = context
  const pubkey = authorized(context, { verb: "delete", sha256 })
  const info = storage.info(sha256)
  if (info === undefined) throw new Refusal(404, "no such blob")
  if (!info.owners.includes(pubkey)) throw new Refusal(403, "not your blob")
  storage.delete(sha256)
  response.writeHead(204).end()
}

/** The account that has signed for this request. */
function authorized(context: Context, demand: Pick<Demand, "verb" | "sha256">): string {
  const { hostname: host } = new URL(context.url)
  const header = context.request.headers.authorization
  const { pubkey, problem } = authorize(header, { ...demand, host, now: now() })
  if (pubkey === undefined) throw new Refusal(401, problem)
  return pubkey
}

async function body(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new Refusal(413, "the blob is too large")
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function descriptor({ url }: Context, { sha256, size, type, uploaded }: BlobInfo) {
  return { url: `${url}/${sha256}.bin`, sha256, size, type, uploaded }
}

function json({ response }: Context, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value))
}

/** BUD-01: the reason is a header. */
function refuse(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent) response.destroy()
  else response.writeHead(status, { "x-reason": reason, connection: "close" }).end()
}

const now = () => Math.floor(Date.now() / 1000)
