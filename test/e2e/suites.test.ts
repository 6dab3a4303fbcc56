// Every cipher suite in a real Chromium: it accepts and refuses what Node does, and they understand each other.

import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createServer } from "vite"
import type { ViteDevServer } from "vite"
import { createCrypto } from "../../src/mls/backend.ts"
import { bytesToHex, hexToBytes } from "../../src/mls/bytes.ts"
import { kemKeySamples } from "../../src/mls/kem-samples.fixture.ts"
import { SAMPLE, signatureSamples } from "../../src/mls/signature-samples.fixture.ts"
import { cipherSuite } from "../../src/mls/suites.ts"
import { implementedSuites, vectorBackEnds } from "../../src/mls/vectors.fixture.ts"
import { chromiumFlags, findChromium } from "../support/chromium.ts"
import type { SuitesPage } from "./suites-page.ts"

/** Of the post-quantum ones: those that sign with Ed25519. */
const IN_CHROMIUM = [0xf801, 0xf802, 0xf806, 0xf00d, 0xf00e]

declare const suitesPage: SuitesPage

const BLANK = `<!doctype html><script type="module" src="/test/e2e/suites-page.ts"></script>`

let server: ViteDevServer
let browser: Browser
let page: Page

beforeAll(async () => {
  server = await createServer({
    root: fileURLToPath(new URL("../..", import.meta.url)),
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0, hmr: false, watch: null },
  })
  await server.listen()
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error("no Chromium; `npm test` installs one")
  browser = await chromium.launch({ executablePath, args: chromiumFlags })
  page = await browser.newPage()
  await page.route("**/blank.html", (route) =>
    route.fulfill({ contentType: "text/html", body: BLANK }),
  )
  await page.goto(`${server.resolvedUrls?.local[0] ?? ""}blank.html`)
  await page.waitForFunction(() => "suitesPage" in globalThis)
})
afterAll(async () => {
  await browser.close()
  await server.close()
})

describe.each(vectorBackEnds)("Chromium, %s", (backend) => {
  test.each([...implementedSuites, ...IN_CHROMIUM])("suite %i", async (id) => {
    const suite = cipherSuite(id)
    const name = await page.evaluate(([i, b]) => suitesPage.use(i, b), [id, backend] as const)
    // WebCrypto has no algorithm of suite 6.
    expect(name).toBe(id === 6 ? "noble" : backend)

    const samples = signatureSamples(suite.signature.name)
    const { label } = SAMPLE
    const content = bytesToHex(SAMPLE.content)
    const verdicts = await page.evaluate(([l, c, signed]) => suitesPage.verify(l, c, signed), [
      label,
      content,
      samples,
    ] as const)
    expect(samples.map(({ title }, i) => [title, verdicts[i]])).toEqual(
      samples.map(({ title, valid }) => [title, valid]),
    )

    const keys = kemKeySamples(suite.kem.name)
    const usable = await page.evaluate(
      (each) => suitesPage.usable(each),
      keys.map(({ publicKey }) => publicKey),
    )
    expect(keys.map(({ title }, i) => [title, usable[i]])).toEqual(
      keys.map((key) => [key.title, key.usable]),
    )

    const node = await createCrypto({ suite, backend: "noble" })
    const ikm = "07".repeat(64)
    const ours = await node.deriveKemKeyPair(hexToBytes(ikm))
    const theirs = await page.evaluate((each) => suitesPage.kemKey(each), ikm)
    expect(theirs.publicKey).toBe(bytesToHex(ours.publicKey))
    expect(theirs.privateKey).toBe(bytesToHex(ours.privateKey))
    const empty = new Uint8Array()
    const sealed = await page.evaluate((key) => suitesPage.seal(key, "0102"), theirs.publicKey)
    const opened = await node.decryptWithLabel(ours.privateKey, "sealed", empty, {
      kemOutput: hexToBytes(sealed.kemOutput),
      ciphertext: hexToBytes(sealed.ciphertext),
    })
    expect(bytesToHex(opened)).toBe("0102")
    const box = await node.encryptWithLabel(ours.publicKey, "sealed", empty, Uint8Array.of(3))
    const boxHex = [theirs.privateKey, bytesToHex(box.kemOutput), bytesToHex(box.ciphertext)]
    expect(
      await page.evaluate(([k = "", o = "", c = ""]) => suitesPage.open(k, o, c), boxHex),
    ).toBe("03")

    const signer = await page.evaluate(() => suitesPage.signatureKey())
    const signature = await page.evaluate(([key, l, c]) => suitesPage.sign(key, l, c), [
      signer.privateKey,
      label,
      content,
    ] as const)
    const check = { ...SAMPLE, publicKey: hexToBytes(signer.publicKey) }
    expect(await node.verify({ ...check, signature: hexToBytes(signature) })).toBe(true)
  })
})
