// Governing a group, as people do it in the app: messages that disappear, other relays, leaving as an admin, the end.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { RelayProcess } from "../support/relay-process.ts"
import { PATIENCE, type Person, Stage } from "./stage.ts"

let stage: Stage
let second: RelayProcess
let folder: string
let alice: Person
let bob: Person

beforeAll(async () => {
  stage = await Stage.open()
  folder = mkdtempSync(join(tmpdir(), "burrow-governance-"))
  second = await RelayProcess.start(join(folder, "relay"))
}, PATIENCE)

afterAll(async () => {
  await stage.close()
  await second.kill()
  rmSync(folder, { recursive: true, force: true })
})

test("two people are in a group", async () => {
  alice = await stage.person("Alice")
  bob = await stage.person("Bob", { colorScheme: "dark", phone: true })
  await Promise.all([alice.join(), bob.join()])
  await alice.createGroup("Weekend hikers", [bob])
  await bob.see("invite-card")
  await bob.click("accept-invite")
  await bob.click("confirm-yes")
  await bob.see("conversation-title", "Weekend hikers")
})

test("an admin lets messages disappear, and everyone is told", async () => {
  await alice.send("This one stays")
  await bob.sees("This one stays")
  await alice.click("group-info")
  await alice.see("group-panel")
  await alice.at("disappearing").selectOption("3600")
  await bob.see("system-row", "Alice set messages to disappear 1 hour after they are sent")
  await bob.see("timer-notice", "1 hour")
  await alice.see("timer-notice", "1 hour")
  await alice.screenshot("20-disappearing-setting")
  expect(await alice.barriers()).toEqual([])
  await bob.click("group-info")
  expect(await bob.at("disappearing").textContent()).toBe("1 hour")
  await bob.screenshot("20-disappearing-member")
  expect(await bob.barriers()).toEqual([])
  // On a phone the panel is a dialog.
  await bob.click("dialog-close")
})

test("the group moves to a relay that nobody listened on, and to a new address", async () => {
  await alice.click("change-relays")
  await alice.at("edit-relays").fill("not a relay at all")
  await alice.click("relays-save")
  await alice.see("form-error")
  await alice.screenshot("21-relays-refused")
  await alice.at("edit-relays").fill(second.url)
  await alice.at("new-address").check()
  expect(await alice.barriers()).toEqual([])
  await alice.screenshot("21-relays")
  await alice.click("relays-save")
  await alice.gone("edit-relays-dialog")
  await bob.see("system-row", "Alice changed the group’s relays")
  await stage.relay.kill()
  await bob.send("Over the new relay")
  await alice.sees("Over the new relay")
  await alice.send("Heard you")
  await bob.sees("Heard you")
  await stage.relay.restart()
})

test("an admin ends the group for everyone", async () => {
  await alice.click("end-group")
  await alice.see("confirm-dialog")
  expect(await alice.at("confirm-yes").isDisabled()).toBe(true)
  await alice.screenshot("22-end-group")
  expect(await alice.barriers()).toEqual([])
  await alice.at("confirm-word").fill("end")
  await alice.click("confirm-yes")
  for (const person of [alice, bob]) {
    await person.page
      .locator("[data-testid=standing-notice][data-standing=disbanded]")
      .waitFor({ timeout: PATIENCE })
    await person.see("system-row", /ended the group/)
    await person.sees("Over the new relay")
    expect(await person.at("composer").count()).toBe(0)
  }
  // Its panel, which is open, names no relays any more.
  expect(await alice.page.locator("#relays-title").count()).toBe(0)
  await alice.screenshot("23-ended-light")
  await bob.screenshot("23-ended-dark")
  await bob.page.reload()
  await bob.see("standing-notice", /ended/)
  await bob.sees("Over the new relay")
})

test("nobody saw an unhandled error", () => {
  expect([...alice.problems, ...bob.problems]).toEqual([])
})
