// The IndexedDB store in a real Chromium: the conformance cases, two tabs, a full disk, and a browser that is killed.

import { once } from "node:events"
import { mkdtemp, readlink, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { Server } from "node:http"
import { tmpdir } from "node:os"
import { chromium } from "playwright-core"
import type { BrowserContext, Page } from "playwright-core"
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "vitest"
import { build } from "vite"
import { chromiumFlags, findChromium } from "../support/chromium.ts"
import type { StorePage } from "./store-page.ts"

declare const storePage: StorePage

let server: Server
let origin = ""
let profile = ""

beforeAll(async () => {
  const script = await bundle()
  server = createServer((request, response) => {
    const isScript = request.url === "/page.js"
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html")
    response.end(isScript ? script : `<script type="module" src="/page.js"></script>`)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  origin = `http://127.0.0.1:${address.port}`
})
afterAll(() => {
  server.close()
})

let running: BrowserContext
beforeEach(async () => {
  profile = await mkdtemp(`${tmpdir()}/burrow-profile-`)
  running = await start()
})
afterEach(async () => {
  await kill()
  await rm(profile, { recursive: true, force: true, maxRetries: 10 })
})

/** A Chromium on the test's profile, which outlives it. */
function start(): Promise<BrowserContext> {
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error("no Chromium found: set BURROW_CHROMIUM")
  return chromium.launchPersistentContext(profile, { executablePath, args: chromiumFlags })
}

/** SIGKILL to the browser and all its processes, which are a group of their own. */
async function kill(): Promise<void> {
  const closed = new Promise((resolve) => running.once("close", resolve))
  process.kill(-(await browserPid()), "SIGKILL")
  await closed
}

/** Chromium locks its profile by a link to `host-pid`. */
async function browserPid(): Promise<number> {
  const pid = Number((await readlink(`${profile}/SingletonLock`)).split("-").at(-1))
  if (!(pid > 1)) throw new Error("Chromium's lock names no process")
  return pid
}

async function openTab(): Promise<Page> {
  const page = await running.newPage()
  await page.goto(origin)
  await page.waitForFunction(() => "storePage" in globalThis)
  return page
}

async function bundle(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      target: "es2023",
      lib: {
        entry: new URL("store-page.ts", import.meta.url).pathname,
        formats: ["es"],
        fileName: "page",
      },
    },
  })
  const outputs = Array.isArray(result) ? result : [result]
  const code = outputs.flatMap((each) =>
    "output" in each ? each.output.map((file) => ("code" in file ? file.code : "")) : [],
  )
  return code.join("\n")
}

describe("IndexedDB store in Chromium", () => {
  test("does all that every store does", async () => {
    const page = await openTab()
    const names = await page.evaluate(() => storePage.cases())
    expect(names.length).toBeGreaterThan(10)
    for (const [index, name] of names.entries()) {
      expect(await page.evaluate((each) => storePage.runCase(each), index), name).toBe("")
    }
  })

  test("lets go for another tab that destroys it", async () => {
    const [here, there] = [await openTab(), await openTab()]
    expect(await here.evaluate(() => storePage.open("tabs"))).toBe("open")
    expect(await there.evaluate(() => storePage.open("tabs"))).toBe("open")
    expect(await here.evaluate(() => storePage.put("1", 10))).toBe("done")
    expect(await there.evaluate(() => storePage.sorts())).toEqual(["1"])
    await there.evaluate(() => storePage.destroy())
    expect(await here.evaluate(() => storePage.lost())).toBe(1)
    expect(await here.evaluate(() => storePage.put("2", 10))).toBe("closed")
    expect(await here.evaluate(() => storePage.open("tabs"))).toBe("open")
    expect(await here.evaluate(() => storePage.sorts())).toEqual([])
  })

  test("says `quota` when the site has no more room, and keeps what it had", async () => {
    const page = await openTab()
    const session = await page.context().newCDPSession(page)
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1_000_000 })
    expect(await page.evaluate(() => storePage.open("full"))).toBe("open")
    expect(await page.evaluate(() => storePage.put("1", 100_000))).toBe("done")
    expect(await page.evaluate(() => storePage.put("2", 4_000_000))).toBe("quota")
    expect(await page.evaluate(() => storePage.sorts())).toEqual(["1"])
    expect(await page.evaluate(() => storePage.put("3", 1_000))).toBe("done")
    expect(await page.evaluate(() => storePage.sorts())).toEqual(["1", "3"])
  })

  test("after the browser was killed the acknowledged is there, and nothing is half applied", async () => {
    const page = await openTab()
    expect(await page.evaluate(() => storePage.open("killed"))).toBe("open")
    await page.evaluate(() => storePage.write())
    await page.waitForFunction(() => storePage.acknowledged() > 50)
    const acknowledged = await page.evaluate(() => storePage.acknowledged())
    await kill()
    running = await start()
    const again = await openTab()
    expect(await again.evaluate(() => storePage.open("killed"))).toBe("open")
    const [meta = 0, groups, rows] = await again.evaluate(() => storePage.numbers())
    expect(meta).toBeGreaterThanOrEqual(acknowledged)
    expect(groups).toBe(meta)
    expect(rows).toBe(meta)
  })
})
