// Files and pictures in the app, and a device that loses its group: chosen, sent, seen and repaired as people do it.

import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { openClient } from "../../src/client/client.ts"
import { NodeWebSocket } from "../../src/nostr/node-socket.ts"
import { openMemoryStore } from "../../src/store/index.ts"
import { type PictureHost, startPictureHost } from "./picture-host.ts"
import { PATIENCE, type Person, Stage } from "./stage.ts"

const photo = fileURLToPath(new URL("../../docs/screenshot.png", import.meta.url))
const note = Buffer.from("a note that nobody else may read")

let pictures: PictureHost
let stage: Stage
let alice: Person
let bob: Person

beforeAll(async () => {
  pictures = await startPictureHost(photo)
  stage = await Stage.open(pictures.flags)
}, PATIENCE)

afterAll(async () => {
  await stage.close()
  await pictures.close()
})

/** What the browser has made of an image: its width in pixels, 0 if it could not. */
const widthOf = (person: Person, testid: string) =>
  person
    .at(testid)
    .first()
    .evaluate((element) => {
      const image = element instanceof HTMLImageElement ? element : element.querySelector("img")
      return image?.naturalWidth ?? 0
    })

const seesPicture = (person: Person, testid: string) =>
  expect.poll(() => widthOf(person, testid), { timeout: PATIENCE }).toBeGreaterThan(0)

test("two people are in a group", async () => {
  alice = await stage.person("Alice")
  bob = await stage.person("Bob", { colorScheme: "dark", phone: true })
  await Promise.all([alice.join(), bob.join()])
  await alice.createGroup("Photo club", [bob])
  await bob.see("invite-card")
  await bob.click("accept-invite")
  await bob.click("confirm-yes")
  await bob.see("conversation-title", "Photo club")
})

test("files are chosen and sent; the other one sees the picture and saves the note", async () => {
  await alice.at("attach-input").setInputFiles([
    { name: "harbour.png", mimeType: "image/png", buffer: readFileSync(photo) },
    { name: "note.txt", mimeType: "text/plain", buffer: note },
  ])
  await alice.see("send-files-dialog")
  await alice.at("caption").fill("From this morning")
  await alice.screenshot("30-choose-files")
  expect(await alice.barriers()).toEqual([])
  await alice.click("send-files")
  await bob.sees("From this morning")
  await bob.page.locator("[data-testid=attachment-image][data-loaded=true]").waitFor()
  await seesPicture(bob, "attachment-image")
  await bob.see("attachment-file", "note.txt")
  await bob.screenshot("31-files-received")
  const [download] = await Promise.all([
    bob.page.waitForEvent("download"),
    bob.click("attachment-save"),
  ])
  expect(download.suggestedFilename()).toBe("note.txt")
  expect(readFileSync(await download.path())).toEqual(note)
  await bob.click("attachment-image")
  await bob.see("picture-dialog")
  await bob.screenshot("32-picture-large")
  await bob.click("dialog-close")
  await seesPicture(alice, "attachment-image")
})

test("an admin gives the group a picture, and everyone sees it", async () => {
  await alice.click("group-info")
  await alice.click("edit-group")
  await alice.at("picture-input").setInputFiles(photo)
  await seesPicture(alice, "group-image")
  await alice.screenshot("33-group-picture-set")
  expect(await alice.barriers()).toEqual([])
  await bob.see("system-row", "Alice changed the picture")
  await seesPicture(bob, "group-image")
  await bob.screenshot("34-group-picture-seen")
})

test("a picture on the web is fetched only by who wants to see it", async () => {
  await alice.at("picture-address").fill("http://pictures.example/club.png")
  await alice.click("set-picture-address")
  await alice.see("picture-error", "https://")
  await alice.at("picture-address").fill(pictures.url)
  await alice.click("set-picture-address")
  await expect.poll(pictures.asked, { timeout: PATIENCE }).toBe(1)
  await seesPicture(alice, "group-image")
  await alice.screenshot("35-web-picture-set")
  expect(await alice.barriers()).toEqual([])
  await alice.click("dialog-close")
  await bob.gone("group-image")
  expect(pictures.asked()).toBe(1)
  await bob.click("group-info")
  await bob.see("web-picture", "pictures.example")
  await bob.screenshot("36-web-picture-offered")
  expect(await bob.barriers()).toEqual([])
  await bob.click("show-web-picture")
  await seesPicture(bob, "group-image")
  await bob.gone("show-web-picture")
  await bob.screenshot("37-web-picture-shown")
  expect(pictures.asked()).toBe(2)
  await bob.click("dialog-close")
})

test("an admin makes part of the group what everyone's app can do", async () => {
  await alice.see("group-features", "messages by agents")
  await alice.click("upgrade-group")
  await alice.see("confirm-dialog", "Nobody can be invited any more whose app can’t do it")
  await alice.screenshot("38-upgrade")
  await alice.click("confirm-yes")
  await alice.gone("group-features")
})

test("an admin changes the servers for attachments, and sees which they are", async () => {
  await alice.see("group-media", "127.0.0.1")
  await alice.click("change-media-servers")
  await alice.see("edit-media-servers-dialog")
  const field = alice.at("edit-media-servers")
  await field.fill("media.example")
  await alice.click("media-servers-save")
  await alice.see("form-error", "begins with https://")
  await alice.screenshot("38-media-servers")
  expect(await alice.barriers()).toEqual([])
  await field.fill("https://media.example/")
  await alice.click("media-servers-save")
  await alice.gone("edit-media-servers-dialog")
  await alice.see("group-media", "media.example")
  await alice.screenshot("38-media-servers-changed")
})

test("a device that has lost its group says so, keeps what it has, and comes back", async () => {
  await bob.loseGroups()
  await bob.open()
  await bob.see("chat-row", "Needs a new invitation")
  await bob.click("chat-row")
  await bob.page.locator("[data-testid=standing-notice][data-standing=unrecoverable]").waitFor()
  await bob.sees("From this morning")
  await bob.screenshot("39-group-lost")
  expect(await bob.barriers()).toEqual([])
  await bob.click("ask-again")
  const words = await bob.page.evaluate(() => navigator.clipboard.readText())
  expect(words).toContain(bob.npub)
  // Bob sends that to Alice, by another way.
  await alice.at("member-row").filter({ hasText: "Bob" }).click()
  await alice.click("reinvite-member")
  await alice.click("confirm-yes")
  await bob.click("back")
  await bob.see("invite-card")
  await bob.click("accept-invite")
  await bob.click("confirm-yes")
  await bob.gone("standing-notice")
  await bob.sees("From this morning")
  await bob.send("Here again")
  await alice.sees("Here again")
  await bob.screenshot("40-group-joined-again")
})

test("an admin turns attachments on in a group that was founded without", async () => {
  // By somebody whose app has no media server.
  const carol = await openClient({
    openStore: () => openMemoryStore(),
    WebSocket: NodeWebSocket,
    defaultRelays: [stage.relay.url],
    log: () => undefined,
  })
  await carol.createAccount({ name: "Carol" })
  const members = [alice.npub]
  const { groupId } = await carol.createGroup({ name: "No pictures", members })
  await alice.see("invite-card")
  await alice.click("accept-invite")
  await alice.click("confirm-yes")
  await alice.see("conversation-title", "No pictures")
  const [self, other] = (await carol.group(groupId)).members
  await carol.updateGroup(groupId, { admins: [self?.pubkey ?? "", other?.pubkey ?? ""] })
  // The panel stays open from one group to the next.
  await alice.see("group-media", "Turn on attachments")
  await alice.screenshot("38-turn-on-media")
  expect(await alice.barriers()).toEqual([])
  await alice.click("turn-on-media")
  await alice.screenshot("38-turn-on-media-confirm")
  await alice.click("confirm-yes")
  await alice.see("group-media", "127.0.0.1")
  await alice.see("attach")
  await carol.close()
})

test("nobody saw an unhandled error", () => {
  expect([alice.problems, bob.problems]).toEqual([[], []])
})
