import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sha256 } from "@noble/hashes/sha2.js"
import { afterEach, describe, expect, test } from "vitest"
import { bytesToHex, finalizeEvent, generateSecretKey, publicKeyOf } from "../../src/nostr/event.ts"
import { type BlossomOptions, startBlossom } from "./server.ts"

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(options: Partial<BlossomOptions> = {}) {
  const server = await startBlossom({ port: 0, ...options })
  closing.push(() => server.close())
  return server
}

const key = generateSecretKey()
const blob = new TextEncoder().encode("a blob")
const hash = bytesToHex(sha256(blob))
const now = () => Math.floor(Date.now() / 1000)

function authorization(
  verb: string,
  tags: readonly (readonly string[])[] = [["x", hash]],
  { secretKey = key, kind = 24242, expiration = now() + 600, created_at = now() } = {},
): string {
  const event = finalizeEvent(
    {
      created_at,
      kind,
      tags: [["t", verb], ["expiration", String(expiration)], ...tags],
      content: "test",
    },
    secretKey,
  )
  return `Nostr ${Buffer.from(JSON.stringify(event)).toString("base64url")}`
}

function put(url: string, header?: string, body: Uint8Array = blob): Promise<Response> {
  const headers: Record<string, string> = { "content-type": "application/octet-stream" }
  if (header !== undefined) headers["authorization"] = header
  return fetch(`${url}/upload`, { method: "PUT", headers, body: new Uint8Array(body) })
}

describe("upload and download", () => {
  test("a blob comes back under its hash, with and without an extension", async () => {
    const { url } = await start()
    const response = await put(url, authorization("upload"))
    expect(response.status).toBe(201)
    expect(await response.json()).toMatchObject({
      url: `${url}/${hash}.bin`,
      sha256: hash,
      size: blob.length,
    })
    for (const path of [`/${hash}`, `/${hash}.bin`]) {
      const got = await fetch(url + path)
      expect(new Uint8Array(await got.arrayBuffer())).toEqual(blob)
      expect(got.headers.get("access-control-allow-origin")).toBe("*")
      expect(got.headers.get("content-security-policy")).toContain("sandbox")
    }
    const head = await fetch(`${url}/${hash}`, { method: "HEAD" })
    expect(head.headers.get("content-length")).toBe(String(blob.length))
    expect((await put(url, authorization("upload"))).status).toBe(200)
  })

  test("what is not there, and what is no address, is not found", async () => {
    const { url } = await start()
    expect((await fetch(`${url}/${hash}`)).status).toBe(404)
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404)
  })

  test("pages of other origins are allowed to ask", async () => {
    const { url } = await start()
    const response = await fetch(`${url}/upload`, { method: "OPTIONS" })
    expect(response.status).toBe(204)
    expect(response.headers.get("access-control-allow-methods")).toContain("PUT")
    expect(response.headers.get("access-control-allow-headers")).toContain("Authorization")
  })

  test("a folder keeps blobs across a restart", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "burrow-blossom-"))
    closing.push(() => rmSync(dataDir, { recursive: true }))
    const first = await startBlossom({ port: 0, dataDir })
    expect((await put(first.url, authorization("upload"))).status).toBe(201)
    await first.close()
    const { url } = await start({ dataDir })
    const got = await fetch(`${url}/${hash}`)
    expect(new Uint8Array(await got.arrayBuffer())).toEqual(blob)
  })
})

describe("refusals", () => {
  test.each([
    ["no authorization", () => undefined],
    ["another verb", () => authorization("delete")],
    ["another blob", () => authorization("upload", [["x", "0".repeat(64)]])],
    ["no blob", () => authorization("upload", [])],
    [
      "another server",
      () =>
        authorization("upload", [
          ["x", hash],
          ["server", "example.org"],
        ]),
    ],
    ["an expired event", () => authorization("upload", undefined, { expiration: now() - 1 })],
    ["the future", () => authorization("upload", undefined, { created_at: now() + 3600 })],
    ["another kind", () => authorization("upload", undefined, { kind: 1 })],
    ["no event", () => "Nostr e30"],
  ])("%s", async (_, header) => {
    const { url } = await start()
    const response = await put(url, header())
    expect(response.status).toBe(401)
    expect(response.headers.get("x-reason")).not.toBe("")
    expect((await fetch(`${url}/${hash}`)).status).toBe(404)
  })

  test("a blob above the limit", async () => {
    const { url } = await start({ maxBytes: 5 })
    expect((await put(url, authorization("upload"))).status).toBe(413)
  })
})

describe("an uploader's blobs", () => {
  test("are listed for, and deleted by, their uploader alone", async () => {
    const { url } = await start()
    await put(url, authorization("upload"))
    const stranger = { secretKey: generateSecretKey() }
    const listed = await fetch(`${url}/list/${publicKeyOf(key)}`, {
      headers: { authorization: authorization("list", []) },
    })
    expect(await listed.json()).toMatchObject([{ sha256: hash }])
    const remove = (header: string) =>
      fetch(`${url}/${hash}`, { method: "DELETE", headers: { authorization: header } })
    expect((await remove(authorization("delete", undefined, stranger))).status).toBe(403)
    expect((await fetch(`${url}/${hash}`)).status).toBe(200)
    expect((await remove(authorization("delete"))).status).toBe(204)
    expect((await fetch(`${url}/${hash}`)).status).toBe(404)
  })
})
