import { createServer, type RequestListener } from "node:http"
import { sha256 } from "@noble/hashes/sha2.js"
import { afterEach, describe, expect, test } from "vitest"
import { startBlossom } from "../../dev/blossom/server.ts"
import { Blossom, type BlossomOptions } from "./blossom.ts"
import { BlossomError } from "./error.ts"
import { bytesToHex, generateSecretKey } from "./event.ts"

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function server(): Promise<string> {
  const started = await startBlossom({ port: 0 })
  closing.push(() => started.close())
  return started.url
}

/** A server that answers everything in its own way. */
async function strange(listener: RequestListener): Promise<string> {
  const http = createServer(listener)
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
  closing.push(
    () =>
      new Promise((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  )
  const address = http.address()
  if (address === null || typeof address === "string") throw new Error("no address")
  return `http://127.0.0.1:${address.port}`
}

const client = (trusted: readonly string[], more: Partial<BlossomOptions> = {}) =>
  new Blossom({
    fetch,
    now: () => Date.now(),
    timers: {
      setTimeout: (run, milliseconds) => setTimeout(run, milliseconds),
      clearTimeout: (timer) => clearTimeout(timer),
    },
    trusted,
    ...more,
  })

const blob = new Uint8Array(100_000).map((_, index) => index % 251)
const hash = bytesToHex(sha256(blob))
const secretKey = generateSecretKey()
const upload = { blob, secretKey }
const download = { sha256: hash, locators: [], maxBytes: 1_000_000 }

async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run
  } catch (error) {
    if (error instanceof BlossomError) return error.code
    throw error
  }
  return "none"
}

describe("a real server", () => {
  test("a blob goes up and comes down, by its address and by its hash", async () => {
    const url = await server()
    const blossom = client([url])
    const stored = await blossom.upload({ ...upload, servers: [`${url}/`] })
    expect(stored.url).toBe(`${url}/${hash}.bin`)
    const progress: number[] = []
    const bytes = await blossom.download({
      ...download,
      locators: [stored.url],
      servers: [],
      onProgress: (received) => progress.push(received),
    })
    expect(bytes).toEqual(blob)
    expect(progress.at(-1)).toBe(blob.length)
    expect(await blossom.download({ ...download, servers: [url] })).toEqual(blob)
  })

  test("servers are tried in order until one works", async () => {
    const url = await server()
    const dead = await strange((_, response) => response.writeHead(500).end())
    const blossom = client([url, dead])
    const stored = await blossom.upload({ ...upload, servers: [dead, url] })
    expect(stored.url.startsWith(url)).toBe(true)
    const locators = [`${dead}/${hash}`]
    expect(await blossom.download({ ...download, locators, servers: [dead, url] })).toEqual(blob)
  })
})

describe("hosts", () => {
  test("a local host that others name is not contacted", async () => {
    const url = await server()
    const blossom = client([])
    expect(await codeOf(blossom.upload({ ...upload, servers: [url] }))).toBe("no_server")
    const named = { ...download, locators: [`${url}/${hash}`], servers: [url] }
    expect(await codeOf(blossom.download(named))).toBe("no_server")
  })

  test("a redirect is not followed", async () => {
    const url = await server()
    await client([url]).upload({ ...upload, servers: [url] })
    const moved = await strange((_, response) =>
      response.writeHead(302, { location: `${url}/${hash}` }).end(),
    )
    const run = client([moved, url]).download({ ...download, servers: [moved] })
    expect(await codeOf(run)).toBe("unreachable")
  })
})

describe("answers that are not believed", () => {
  const answers: readonly (readonly [string, string, RequestListener])[] = [
    ["another hash", "wrong_hash", json({ url: `http://a.b/${hash}`, sha256: "0".repeat(64) })],
    ["no address", "bad_answer", json({ sha256: hash })],
    ["a script as an address", "bad_answer", json({ url: `javascript:${hash}`, sha256: hash })],
    ["an address of another blob", "bad_answer", json({ url: "http://a.b/x", sha256: hash })],
    ["no object", "bad_answer", json(null)],
    ["no JSON", "bad_answer", (_, response) => response.end("<html>")],
    ["a long descriptor", "too_large", (_, response) => response.end("x".repeat(20_000))],
    ["a refusal", "refused", (_, response) => response.writeHead(403).end()],
    ["no room", "too_large", (_, response) => response.writeHead(413).end()],
    ["a broken connection", "unreachable", (_, response) => response.destroy()],
  ]
  test.each(answers)("upload: %s", async (_, code, listener) => {
    const url = await strange((request, response) => {
      request.resume().on("end", () => listener(request, response))
    })
    expect(await codeOf(client([url]).upload({ ...upload, servers: [url] }))).toBe(code)
  })

  test.each<readonly [string, string, RequestListener]>([
    ["other bytes", "wrong_hash", (_, response) => response.end("other")],
    ["nothing", "not_found", (_, response) => response.writeHead(404).end()],
    ["too much", "too_large", (_, response) => response.end(new Uint8Array(2_000_000))],
    ["too much, not announced", "too_large", (_, response) => endless(response)],
  ])("download: %s", async (_, code, listener) => {
    const url = await strange(listener)
    expect(await codeOf(client([url]).download({ ...download, servers: [url] }))).toBe(code)
  })

  test("a server that sends a byte now and then is given up, and the next one asked", async () => {
    let time = 0
    let pieces = 0
    const drips = await strange((request, response) => {
      const drip = setInterval(() => {
        // As if each took 25 seconds.
        time += 25_000
        if (++pieces > 50) clearInterval(drip)
        else response.write("x")
      }, 5)
      response.writeHead(200).on("close", () => clearInterval(drip))
      request.resume()
    })
    const honest = await strange((_, response) => response.end(blob))
    const blossom = client([drips, honest], { now: () => time })
    expect(await codeOf(blossom.upload({ ...upload, servers: [drips] }))).toBe("unreachable")
    expect(pieces).toBeLessThan(50)
    pieces = 0
    expect(await blossom.download({ ...download, servers: [drips, honest] })).toEqual(blob)
    expect(pieces).toBeLessThan(50)
  })

  test("a server that falls silent is given up", async () => {
    const url = await strange((_, response) => void response.writeHead(200).write("begin"))
    const timers = {
      setTimeout: (run: () => void) => setTimeout(run, 200),
      clearTimeout: (timer: ReturnType<typeof setTimeout>) => clearTimeout(timer),
    }
    const run = client([url], { timers }).download({ ...download, servers: [url] })
    expect(await codeOf(run)).toBe("unreachable")
  })
})

function json(value: unknown): RequestListener {
  return (_, response) => response.end(JSON.stringify(value))
}

function endless(response: Parameters<RequestListener>[1]): void {
  const piece = new Uint8Array(100_000)
  const write = () => {
    while (!response.destroyed && response.write(piece)) continue
  }
  response.on("drain", write)
  response.on("error", () => undefined)
  write()
}
