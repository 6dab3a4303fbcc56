// The stage of the browser tests: the built app on a static server, a relay process, and people in Chromium.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { AxeBuilder } from "@axe-core/playwright"
import {
  type Browser,
  type BrowserContext,
  type Locator,
  type Page,
  chromium,
} from "playwright-core"
import { expect } from "vitest"
import { type BlossomServer, startBlossom } from "../../dev/blossom/server.ts"
import { type Site, serveSite } from "../../dev/static-site.ts"
import { chromiumFlags, findChromium } from "../support/chromium.ts"
import { RelayProcess } from "../support/relay-process.ts"
import type { TestExtension } from "./test-extension.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const screenshots = join(root, "screenshots", "e2e")

/** How long the app may take to show something; generous, since CI's machines are slow. */
export const PATIENCE = 30_000

export interface PersonOptions {
  readonly colorScheme?: "light" | "dark"
  readonly phone?: boolean
  /** Logs in with a NIP-07 extension instead of a key made in the app. */
  readonly extension?: TestExtension
}

export class Stage {
  readonly relay: RelayProcess
  readonly #browser: Browser
  readonly #site: Site
  readonly #folder: string

  readonly blossom: BlossomServer

  private constructor(
    relay: RelayProcess,
    blossom: BlossomServer,
    browser: Browser,
    site: Site,
    folder: string,
  ) {
    this.blossom = blossom
    this.relay = relay
    this.#browser = browser
    this.#site = site
    this.#folder = folder
  }

  /** `flags`: for Chromium, beyond the usual ones. */
  static async open(flags: readonly string[] = []): Promise<Stage> {
    const executablePath = findChromium()
    if (executablePath === undefined) throw new Error("no Chromium; `npm test` installs one")
    const folder = mkdtempSync(join(tmpdir(), "burrow-e2e-"))
    mkdirSync(screenshots, { recursive: true })
    const relay = await RelayProcess.start(join(folder, "relay"))
    const blossom = await startBlossom({ port: 0 })
    const site = await serveSite({
      root: join(root, "dist"),
      host: "127.0.0.1",
      port: 0,
      config: { relays: [relay.url], blossom: [blossom.url] },
    })
    const browser = await chromium.launch({ executablePath, args: [...chromiumFlags, ...flags] })
    return new Stage(relay, blossom, browser, site, folder)
  }

  async close(): Promise<void> {
    await this.#browser.close()
    await this.#site.close()
    await this.relay.kill()
    await this.blossom.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** A person with a browser profile of their own, at the welcome screen. */
  async person(name: string, options: PersonOptions = {}): Promise<Person> {
    const { colorScheme = "light", phone = false, extension } = options
    const context = await this.#browser.newContext({
      viewport: phone ? { width: 390, height: 844 } : { width: 1280, height: 800 },
      colorScheme,
      permissions: ["clipboard-read", "clipboard-write"],
    })
    const person = new Person(name, this.#site.url, context, extension)
    await person.open()
    return person
  }
}

/** What one person does and sees. */
export class Person {
  readonly name: string
  readonly context: BrowserContext
  readonly #url: string
  readonly #extension: TestExtension | undefined
  #page: Page | undefined
  /** Errors of the page that nobody handled; every test ends with none. */
  readonly problems: string[] = []
  npub = ""

  constructor(
    name: string,
    url: string,
    context: BrowserContext,
    extension: TestExtension | undefined,
  ) {
    this.name = name
    this.#url = url
    this.context = context
    this.#extension = extension
  }

  get page(): Page {
    if (this.#page === undefined) throw new Error(`${this.name} has no window open`)
    return this.#page
  }

  async open(): Promise<void> {
    const page = await this.context.newPage()
    page.setDefaultTimeout(PATIENCE)
    page.on("pageerror", (error) => this.problems.push(error.message))
    await this.#extension?.install(page)
    await page.goto(this.#url)
    this.#page = page
  }

  /** Closes the window, and with it the worker that belongs to it. */
  async closeWindow(): Promise<void> {
    await this.page.close()
    this.#page = undefined
  }

  /** With the window closed, what this browser has stored of its groups' keys is gone. */
  async loseGroups(): Promise<void> {
    await this.closeWindow()
    const page = await this.context.newPage()
    await page.goto(`${this.#url}/burrow.json`)
    await page.evaluate(async () => {
      const finished = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.onsuccess = () => resolve(request.result)
          request.onerror = () => reject(new Error("the database refuses"))
        })
      const database = await finished(indexedDB.open("burrow"))
      const groups = database.transaction("groups", "readwrite").objectStore("groups")
      for (const key of await finished(groups.getAllKeys())) {
        const [, sort] = key as [string, string]
        if (sort.startsWith("state-epoch/")) await finished(groups.delete(key))
      }
      database.close()
    })
    await page.close()
  }

  at(testid: string): Locator {
    return this.page.getByTestId(testid)
  }

  async see(testid: string, text?: string | RegExp): Promise<Locator> {
    const all = this.at(testid)
    const found = (text === undefined ? all : all.filter({ hasText: text })).first()
    await found.waitFor({ state: "visible" })
    return found
  }

  async gone(testid: string): Promise<void> {
    await this.at(testid).first().waitFor({ state: "hidden" })
  }

  async click(testid: string): Promise<void> {
    await this.at(testid).first().click()
  }

  /** What axe finds wrong with the page as it is: rule and element. */
  async barriers(): Promise<string[]> {
    const { violations } = await new AxeBuilder({ page: this.page }).analyze()
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`))
  }

  async screenshot(title: string): Promise<void> {
    await this.page.screenshot({ path: join(screenshots, `${title}.png`) })
  }

  /** Makes a key in the app, or logs in with the extension, and waits until others can invite this person. */
  async join(): Promise<void> {
    if (this.#extension === undefined) {
      await this.click("create-identity")
      await this.at("name-input").fill(this.name)
      await this.screenshot(`02-create-${this.name}`)
      await this.click("create-submit")
      await this.see("save-key-step")
      await this.screenshot(`02-save-key-${this.name}`)
      await this.click("key-later")
    } else {
      await this.click("extension-login")
      await this.see("extension-submit")
      await this.screenshot(`02-extension-${this.name}`)
      await this.click("extension-submit")
    }
    await this.see("sidebar")
    await this.click("open-settings")
    const address = await this.see("own-npub")
    this.npub = ((await address.textContent()) ?? "").replace(/\s/g, "")
    expect(this.npub).toMatch(/^npub1[0-9a-z]{58}$/)
    await this.page.locator("[data-testid=reachability][data-reachable=true]").waitFor()
    await this.screenshot(`02-settings-${this.name}`)
    await this.click("dialog-close")
  }

  async createGroup(name: string, members: readonly Person[]): Promise<void> {
    await this.click("new-group")
    await this.at("group-name").fill(name)
    await this.addPeople(members)
    await this.click("create-group")
    await this.see("conversation-title", name)
  }

  async invite(members: readonly Person[]): Promise<void> {
    await this.click("invite-people")
    await this.addPeople(members)
    await this.click("invite-submit")
    await this.gone("invite-dialog")
  }

  async addPeople(members: readonly Person[]): Promise<void> {
    for (const member of members) {
      await this.at("people-input").fill(member.npub)
      await this.at("people-input").press("Enter")
    }
    const accepted = this.page.locator("[data-testid=invitee][data-status=ok]")
    await accepted.nth(members.length - 1).waitFor()
  }

  async send(text: string): Promise<void> {
    await this.at("composer").fill(text)
    await this.at("composer").press("Enter")
  }

  async sees(text: string): Promise<Locator> {
    return this.see("message", text)
  }

  /** The texts of the conversation, in the order in which they are shown. */
  async texts(): Promise<string[]> {
    const texts = await this.at("message-text").allTextContents()
    return texts.map((text) => text.trim())
  }
}
