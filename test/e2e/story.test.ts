// The first conversation, as two people and then three live it: real Chromium, real relay, the built app.

import { afterAll, beforeAll, expect, test } from "vitest"
import { PATIENCE, type Person, Stage } from "./stage.ts"
import { TestExtension } from "./test-extension.ts"

let stage: Stage
let alice: Person
let bob: Person
let carol: Person
const extension = new TestExtension()

beforeAll(async () => {
  stage = await Stage.open()
  alice = await stage.person("Alice")
  bob = await stage.person("Bob", { extension, colorScheme: "dark" })
  carol = await stage.person("Carol", { phone: true })
})

afterAll(async () => {
  await stage.close()
})

test("a stranger sees what this is", async () => {
  await alice.see("create-identity")
  await alice.screenshot("01-welcome-light")
  await bob.screenshot("01-welcome-dark")
  await carol.screenshot("01-welcome-phone")
})

test("nobody is shut out: axe finds no barrier on the first screen", async () => {
  expect(await alice.barriers()).toEqual([])
  expect(await bob.barriers()).toEqual([])
})

test("people make an identity in the app or log in with an extension", async () => {
  await Promise.all([alice.join(), bob.join(), carol.join()])
  // Relay lists, a KeyPackage and the proof for this device's key; the name is the extension's business.
  expect(Object.fromEntries(extension.prompts)).toEqual({
    getPublicKey: 1,
    "signEvent 450": 1,
    "signEvent 10002": 1,
    "signEvent 10050": 1,
    "signEvent 30443": 1,
  })
  await alice.screenshot("02-nobody-yet")
})

test("an invitation names the group, the inviter and the members", async () => {
  await alice.click("new-group")
  await alice.at("group-name").fill("Weekend hikers")
  await alice.at("people-input").fill("npub1nonsense")
  await alice.at("people-input").press("Enter")
  await alice.see("invitee-result", /not the address/i)
  await alice.screenshot("03-someone-who-cannot-be-invited")
  await alice.click("remove-bad")
  await alice.addPeople([bob])
  await alice.screenshot("04-new-group")
  await alice.click("create-group")
  await alice.see("conversation-title", "Weekend hikers")

  await bob.see("invite-card", /Weekend hikers.*Alice.*invites you/s)
  await bob.screenshot("05-invitation")
  await bob.click("accept-invite")
  await bob.click("confirm-yes")
  await bob.see("conversation-title", "Weekend hikers")
})

test("both talk, and chatting asks the extension nothing", async () => {
  // What joining asks: the invitation's two layers, and a KeyPackage in place of the one that it used.
  await expect.poll(() => extension.prompts.get("signEvent 30443")).toBe(2)
  expect(extension.prompts.get("nip44.decrypt")).toBe(2)
  const before = extension.total
  await alice.send("Hello Bob, shall we meet at seven?")
  await bob.sees("Hello Bob, shall we meet at seven?")
  await bob.send("Seven is fine")
  await alice.sees("Seven is fine")
  await alice.page.locator("[data-testid=message][data-status=sent]").first().waitFor()
  expect(await alice.texts()).toEqual(await bob.texts())
  await alice.screenshot("06-conversation-light")
  await bob.screenshot("06-conversation-dark")
  expect(extension.total).toBe(before)
})

test("the sender sees which relays took a message", async () => {
  await alice.at("message-status").first().click()
  await alice.see("receipt")
  await alice.screenshot("07-delivery")
  await alice.page.keyboard.press("Escape")
})

test("a reload loses nothing and shows nothing twice", async () => {
  const before = await alice.texts()
  await Promise.all([alice.page.reload(), bob.page.reload()])
  await alice.sees("Seven is fine")
  await bob.sees("Seven is fine")
  await bob.send("Still here")
  await alice.sees("Still here")
  expect(await alice.texts()).toEqual([...before, "Still here"])
  expect(await bob.texts()).toEqual([...before, "Still here"])
})

test("a relay that is killed and restarted delays messages and loses none", async () => {
  await stage.relay.kill()
  await alice.see("banner")
  await alice.send("Written while the relay is down")
  await alice.page.locator("[data-testid=message][data-status=pending]").waitFor()
  await alice.screenshot("08-relay-down")
  await stage.relay.restart()
  await bob.sees("Written while the relay is down")
  await alice.page
    .locator("[data-testid=message][data-status=pending]")
    .waitFor({ state: "hidden" })
  expect(await alice.texts()).toEqual(await bob.texts())
})

test("someone who was offline gets everything in order", async () => {
  await bob.context.setOffline(true)
  await bob.closeWindow()
  for (const text of ["one", "two", "three"]) {
    await alice.send(text)
    await alice.sees(text)
  }
  await bob.context.setOffline(false)
  await bob.open()
  await bob.click("chat-row")
  await bob.sees("three")
  expect((await bob.texts()).slice(-3)).toEqual(["one", "two", "three"])
})

test("a window that closes in the middle of a send does not lose the message", async () => {
  await stage.relay.kill()
  await alice.send("Sent as the window closes")
  await alice.page.locator("[data-testid=message][data-status=pending]").waitFor()
  await alice.closeWindow()
  await stage.relay.restart()
  await alice.open()
  await bob.sees("Sent as the window closes")
  await alice.click("chat-row")
  await alice.sees("Sent as the window closes")
  const same = (texts: string[]) => texts.filter((text) => text === "Sent as the window closes")
  expect(same(await alice.texts())).toHaveLength(1)
  expect(same(await bob.texts())).toHaveLength(1)
})

test("a third person joins later, on a phone", async () => {
  await alice.click("group-info")
  await alice.invite([carol])
  await alice.see("system-row", /Carol/)
  await alice.screenshot("09-members")
  await carol.see("invite-card", "Weekend hikers")
  await carol.screenshot("10-invitation-phone")
  await carol.click("accept-invite")
  await carol.click("confirm-yes")
  await carol.see("conversation-title", "Weekend hikers")
  await bob.see("system-row", /Carol/)
  await carol.send("Hi, this is Carol")
  await alice.sees("Hi, this is Carol")
  await bob.sees("Hi, this is Carol")
  await bob.send("Welcome Carol")
  await carol.sees("Welcome Carol")
  await carol.screenshot("11-conversation-phone")
  // What was said before Carol came is not for her.
  expect(await carol.texts()).toEqual(["Hi, this is Carol", "Welcome Carol"])
})

test("a removed person is told so and reads nothing more", async () => {
  await alice.page.locator("[data-testid=member-row]", { hasText: "Carol" }).click()
  await alice.click("remove-member")
  await alice.click("confirm-yes")
  await carol.see("standing-notice", /removed/i)
  await carol.screenshot("12-removed-phone")
  await bob.see("system-row", /Carol.*removed|removed.*Carol/i)
  await alice.send("Now without Carol")
  await bob.sees("Now without Carol")
  await bob.send("I see")
  await alice.sees("I see")
  expect(await carol.texts()).toEqual(["Hi, this is Carol", "Welcome Carol"])
})

test("an invitation can be declined", async () => {
  await alice.click("panel-close")
  await alice.createGroup("Not for Carol", [carol])
  await carol.click("back")
  await carol.see("invite-card", "Not for Carol")
  await carol.click("decline-invite")
  await carol.click("confirm-yes")
  await carol.gone("invite-card")
  await carol.page.reload()
  await carol.see("chat-row", "Weekend hikers")
  expect(await carol.at("invite-card").count()).toBe(0)
})

test("messages in quick succession stay in order, on both sides", async () => {
  const lines = (name: string) => Array.from({ length: 8 }, (_, i) => `${name} ${i}`)
  const sendAll = async (person: Person) => {
    for (const line of lines(person.name)) await person.send(line)
  }
  await alice.page.locator("[data-testid=chat-row]", { hasText: "Weekend hikers" }).click()
  await Promise.all([sendAll(alice), sendAll(bob)])
  await alice.sees("Bob 7")
  await bob.sees("Alice 7")
  // Of a long conversation only what is in view is in the page: the end is compared.
  const end = async (person: Person) => (await person.texts()).slice(-8)
  await expect
    .poll(async () => [await end(alice), await end(bob)], { timeout: PATIENCE })
    .toSatisfy(([a, b]: string[][]) => a?.length === 8 && a.join() === b?.join())
  const texts = await end(alice)
  for (const name of ["Alice", "Bob"]) {
    const shown = texts.filter((text) => text.startsWith(`${name} `))
    expect(shown).toEqual(lines(name).slice(8 - shown.length))
  }
})

test("axe finds no barrier in a conversation with its panel, light, dark and on a phone", async () => {
  await alice.click("group-info")
  await alice.see("members-panel")
  for (const person of [alice, bob, carol]) expect(await person.barriers()).toEqual([])
  await alice.click("panel-close")
})

test("the last admin hands over and leaves", async () => {
  await alice.click("group-info")
  await alice.see("leave-explanation")
  await alice.page.locator("[data-testid=member-row]:not(:has-text('You'))").first().click()
  await alice.click("make-admin")
  await alice.click("confirm-yes")
  await bob.see("system-row", /admin/)
  await alice.click("dialog-close")
  await alice.see("leave-explanation", /step down/)
  await alice.click("leave-group")
  await alice.click("confirm-yes")
  await bob.see("system-row", /Alice left/)
  await alice.see("standing-notice", /left/)
  await alice.screenshot("13-left")
})

test("nobody saw an unhandled error", () => {
  expect([...alice.problems, ...bob.problems, ...carol.problems]).toEqual([])
})
