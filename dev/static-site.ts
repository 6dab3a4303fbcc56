// A static file server for the built app, as any static host would serve it.

import { createReadStream, statSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { extname, join, normalize, sep } from "node:path"

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webmanifest": "application/manifest+json",
}

export interface Site {
  readonly url: string
  close(): Promise<void>
}

export interface SiteOptions {
  /** The folder that holds the built app. */
  readonly root: string
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Served as `burrow.json` instead of the built one: the servers that a new account starts with. */
  readonly config: { readonly relays: readonly string[]; readonly blossom?: readonly string[] }
}

/** Rejects with the system's error if the address is taken. */
export async function serveSite(options: SiteOptions): Promise<Site> {
  const server = createServer((request, response) => answer(options, request, response))
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(options.port, options.host, resolve)
  })
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : options.port
  return {
    url: `http://${options.host}:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answer(options: SiteOptions, request: IncomingMessage, response: ServerResponse): void {
  const path = pathOf(request.url)
  if (request.method !== "GET" && request.method !== "HEAD") {
    fail(response, 405)
    return
  }
  if (path === undefined) {
    fail(response, 400)
    return
  }
  response.setHeader("x-content-type-options", "nosniff")
  if (path === "/burrow.json") {
    response.setHeader("content-type", "application/json")
    response.end(JSON.stringify(options.config))
    return
  }
  const file = join(options.root, normalize(path.endsWith("/") ? `${path}index.html` : path))
  if (!file.startsWith(options.root + sep) || !isFile(file)) {
    fail(response, 404)
    return
  }
  response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream")
  // Names of built assets change with their content; everything else must be asked for again.
  const fixed = path.startsWith("/assets/")
  response.setHeader("cache-control", fixed ? "max-age=31536000, immutable" : "no-cache")
  createReadStream(file)
    .on("error", () => response.destroy())
    .pipe(response)
}

function pathOf(url: string | undefined): string | undefined {
  try {
    return decodeURIComponent(new URL(url ?? "/", "http://localhost").pathname)
  } catch {
    return undefined
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function fail(response: ServerResponse, status: number): void {
  response.writeHead(status).end()
}
