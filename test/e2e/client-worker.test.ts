// The client's worker in a real Chromium: one engine for all tabs, with and without SharedWorker; the extension's tab.

import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"
import type { Browser, BrowserContext, Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { createServer } from "vite"
import type { ViteDevServer } from "vite"
import { startRelay } from "../../dev/relay/server.ts"
import type { RunningRelay } from "../../dev/relay/server.ts"
import type { ClientApi } from "../../src/client/api.ts"
import { chromiumFlags, findChromium } from "../support/chromium.ts"
import { TestExtension } from "./test-extension.ts"

declare const api: ClientApi

/** A page that does nothing but connect. */
const BLANK = `<!doctype html><script type="module">
  import { connectClient } from "/src/client/connect.ts"
  globalThis.api = (await connectClient()).api
</script>`

let relay: RunningRelay
let server: ViteDevServer
let browser: Browser
let origin: string
const contexts: BrowserContext[] = []

beforeAll(async () => {
  relay = await startRelay()
  server = await createServer({
    root: fileURLToPath(new URL("../..", import.meta.url)),
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0, hmr: false, watch: null },
  })
  await server.listen()
  origin = server.resolvedUrls?.local[0] ?? ""
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error("no Chromium; `npm test` installs one")
  browser = await chromium.launch({ executablePath, args: chromiumFlags })
})
afterEach(() => Promise.all(contexts.splice(0).map((context) => context.close())))
afterAll(async () => {
  await browser.close()
  await server.close()
  await relay.close()
})

async function profile({ shared = true } = {}): Promise<BrowserContext> {
  const context = await browser.newContext()
  contexts.push(context)
  await context.route("**/blank.html", (route) =>
    route.fulfill({ contentType: "text/html", body: BLANK }),
  )
  await context.route("**/burrow.json", (route) => route.fulfill({ json: { relays: [relay.url] } }))
  if (!shared) await context.addInitScript(() => Reflect.deleteProperty(globalThis, "SharedWorker"))
  return context
}

/** A tab with `api` in its global scope. */
async function openTab(context: BrowserContext, extension?: TestExtension): Promise<Page> {
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  await extension?.install(page)
  await page.goto(`${origin}blank.html`)
  await page.waitForFunction(() => "api" in globalThis)
  return page
}

const helpersOf = (page: Page) =>
  page.workers().filter((worker) => worker.url().includes("verifier")).length

const status = (page: Page) => page.evaluate(async () => (await api.session()).status)

describe.each([{ shared: true }, { shared: false }])("SharedWorker: $shared", ({ shared }) => {
  test("two tabs share one engine, and the second one survives the first", async () => {
    const context = await profile({ shared })
    const first = await openTab(context)
    const second = await openTab(context)
    expect(await status(first)).toBe("none")

    const told = second.evaluate(
      () =>
        new Promise((resolve) =>
          api.subscribe(({ topic }) => {
            if (topic === "session") resolve(topic)
          }),
        ),
    )
    const { pubkey } = await first.evaluate(() => api.createAccount({ name: "Alice" }))
    expect(await told).toBe("session")
    const session = await second.evaluate(() => api.session())
    expect(session).toMatchObject({ status: "ready", self: { pubkey, name: "Alice" } })
    await first.evaluate(() => api.ensureReachable())
    const { groupId } = await second.evaluate(() => api.createGroup({ name: "Us", members: [] }))
    await first.evaluate((id) => api.sendMessage(id, { content: "from the first" }), groupId)

    // A SharedWorker can't start workers here: the first page has its helper, and the second one once that is gone.
    if (shared) await expect.poll(() => helpersOf(first)).toBe(1)
    expect(helpersOf(second)).toBe(0)
    await first.close()
    await expect.poll(() => status(second), { timeout: 30_000 }).toBe("ready")
    if (shared) await expect.poll(() => helpersOf(second)).toBe(1)
    await second.evaluate((id) => api.sendMessage(id, { content: "from the second" }), groupId)
    await second.evaluate(() => api.sync())
    const third = await openTab(context)
    const { items } = await third.evaluate((id) => api.timeline(id), groupId)
    const contents = items.flatMap((item) => (item.type === "message" ? [item.content] : []))
    expect(contents).toEqual(["from the first", "from the second"])
  })
})

test("an account in an extension: few questions, and any tab can answer them", async () => {
  const context = await profile()
  const extension = new TestExtension()
  const first = await openTab(context, extension)
  await first.evaluate(() => api.loginWithExtension({}))
  await first.evaluate(() => api.ensureReachable())
  expect(Object.fromEntries(extension.prompts)).toEqual({
    getPublicKey: 1,
    "signEvent 450": 1,
    "signEvent 10002": 1,
    "signEvent 10050": 1,
    "signEvent 30443": 1,
  })
  const second = await openTab(context, extension)
  await first.close()
  await second.evaluate(() => api.setProfileName("Nora"))
  expect(extension.prompts.get("signEvent 0")).toBe(1)
  expect(await second.evaluate(() => api.session())).toMatchObject({
    signer: "nip07",
    self: { name: "Nora" },
  })
})
