// Whole clients, a real relay and a real Blossom server: files and pictures go from one person to another.

import { afterEach, describe, expect, test } from "vitest"
import { startBlossom } from "../../dev/blossom/server.ts"
import { startRelay } from "../../dev/relay/server.ts"
import type { ClientOptions } from "../../src/client/client.ts"
import { openMemoryStore } from "../../src/store/index.ts"
import {
  acceptOnly,
  messages,
  type Person,
  rows,
  startClient,
  startPerson,
  syncAll,
} from "./client.fixture.ts"

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Ada and Bo in a group; `uploads` are the blobs that a server was given. */
async function setup(adas: Partial<ClientOptions> = {}) {
  const relay = await startRelay({ port: 0 })
  const server = await startBlossom({ port: 0 })
  closing.push(
    () => relay.close(),
    () => server.close(),
  )
  const uploads: Uint8Array[] = []
  const downloads: string[] = []
  const network = { up: true, beforeUpload: () => Promise.resolve() }
  const media = {
    servers: [server.url],
    fetch: async (url: string, init?: RequestInit) => {
      if (!network.up) throw new Error("no network")
      if (init?.method === "PUT") await network.beforeUpload()
      if (init?.method === "PUT") uploads.push(init.body as Uint8Array)
      else downloads.push(url)
      return fetch(url, init)
    },
  }
  const ada = await startPerson([relay.url], "Ada", { media, ...adas })
  const bo = await startPerson([relay.url], "Bo", { media })
  closing.push(
    () => ada.client.close(),
    () => bo.client.close(),
  )
  const { groupId } = await ada.client.createGroup({ name: "Files", members: [bo.npub] })
  await syncAll(ada, bo)
  await acceptOnly(bo)
  await syncAll(ada, bo)
  return { ada, bo, groupId, server, relay, media, uploads, downloads, network }
}

const picture = new Uint8Array(50_000).map((_, index) => (index * 7) % 256)
const note = new TextEncoder().encode("a note that nobody else may read")
const files = [
  { bytes: picture, filename: "Sea.PNG", mediaType: "image/png", dim: "640x480" },
  { bytes: note, filename: "\u202enote.txt", mediaType: "Text/Plain; charset=utf-8" },
]

async function newest({ client }: Person, groupId: string) {
  const message = (await messages(client, groupId)).at(-1)
  if (message === undefined) throw new Error("no message")
  return message
}

describe("a group founded without attachments", () => {
  test("takes them up later; an admin changes their servers, and files go there", async () => {
    const store = await openMemoryStore()
    const openStore = () => Promise.resolve({ ...bound(store), close: async () => {} })
    const world = await setup({ openStore, media: { servers: [], fetch } })
    const { bo, groupId, relay, server, media, uploads } = world
    await expect(world.ada.client.upgradeGroup(groupId, ["media"])).rejects.toThrow(
      "This app has no server to put attachments on.",
    )
    await world.ada.client.close()
    const client = await startClient([relay.url], { openStore, media })
    closing.push(() => client.close())
    const ada = { ...world.ada, client }
    const send = (from: Person) =>
      from.client.sendAttachments(groupId, { caption: "", files, wait: true })
    await expect(send(ada)).rejects.toThrow()
    for (const bad of [[], ["ftp://a.example"], ["https://a.example/?x"], ["nowhere"]]) {
      const code = { code: "invalid_input" }
      await expect(client.upgradeGroup(groupId, ["media"], bad)).rejects.toMatchObject(code)
    }
    // The servers that the app uses.
    await client.upgradeGroup(groupId, ["media"])
    await syncAll(ada, bo)
    const first = `${server.url}/`
    expect((await bo.client.group(groupId)).mediaServers).toEqual([first])
    await send(ada)
    await syncAll(ada, bo)
    const { messageId, attachments } = await newest(bo, groupId)
    const index = attachments[0]?.index ?? -1
    expect((await bo.client.attachment(groupId, messageId, index)).bytes).toEqual(picture)
    expect(uploads).toHaveLength(2)
    const mediaServers = [server.url, "https://other.example"]
    const refused = bo.client.updateGroup(groupId, { mediaServers })
    await expect(refused).rejects.toMatchObject({ code: "not_admin" })
    await client.updateGroup(groupId, { mediaServers })
    await syncAll(ada, bo)
    const changed = [first, "https://other.example/"]
    expect((await bo.client.group(groupId)).mediaServers).toEqual(changed)
  })
})

describe("files", () => {
  test("arrive with their caption, whole and typed; the server sees neither bytes nor author", async () => {
    const { ada, bo, groupId, uploads, server } = await setup()
    const { messageId } = await ada.client.sendAttachments(groupId, {
      caption: "the sea",
      files,
      wait: true,
    })
    await syncAll(ada, bo)
    expect(await ada.client.uploads(groupId)).toEqual([])
    const message = await newest(bo, groupId)
    expect(message).toMatchObject({ messageId, content: "the sea" })
    expect(message.attachments).toMatchObject([
      { filename: "Sea.PNG", mediaType: "image/png", size: { width: 640, height: 480 } },
      { filename: "note.txt", mediaType: "text/plain", size: undefined },
    ])
    for (const [place, { bytes }] of files.entries()) {
      const index = message.attachments[place]?.index ?? -1
      expect((await bo.client.attachment(groupId, message.messageId, index)).bytes).toEqual(bytes)
    }
    expect(uploads.map((blob) => blob.length)).toEqual([picture.length + 16, note.length + 16])
    expect(Buffer.from(uploads[1] ?? []).includes("nobody else")).toBe(false)
    const listed = await fetch(`${server.url}/list/${ada.pubkey}`)
    expect(listed.status).toBe(401)
  })

  test("are fetched once; what the sender has it does not fetch at all", async () => {
    const { ada, bo, groupId, downloads } = await setup()
    await ada.client.sendAttachments(groupId, { caption: "", files, wait: true })
    await syncAll(ada, bo)
    const { messageId, attachments } = await newest(bo, groupId)
    const index = attachments[0]?.index ?? -1
    await ada.client.attachment(groupId, messageId, index)
    expect(downloads).toHaveLength(0)
    await bo.client.attachment(groupId, messageId, index)
    await bo.client.attachment(groupId, messageId, index)
    expect(downloads).toHaveLength(1)
  })

  test("can be opened long after their epoch is gone", async () => {
    const { ada, bo, groupId } = await setup()
    await ada.client.sendAttachments(groupId, { caption: "", files, wait: true })
    await syncAll(ada, bo)
    for (let round = 0; round < 7; round++) {
      await ada.client.selfUpdate(groupId)
      await syncAll(ada, bo)
    }
    const { messageId, attachments } = await newest(bo, groupId)
    const index = attachments[1]?.index ?? -1
    expect((await bo.client.attachment(groupId, messageId, index)).bytes).toEqual(note)
  })

  test("that the server lost are unavailable, and can be tried again", async () => {
    const { ada, bo, groupId, network } = await setup()
    await ada.client.sendAttachments(groupId, { caption: "look", files, wait: true })
    await syncAll(ada, bo)
    const { messageId, attachments, content } = await newest(bo, groupId)
    const index = attachments[0]?.index ?? -1
    network.up = false
    await expect(bo.client.attachment(groupId, messageId, index)).rejects.toMatchObject({
      code: "unavailable",
    })
    expect(content).toBe("look")
    network.up = true
    expect((await bo.client.attachment(groupId, messageId, index)).bytes).toEqual(picture)
  })

  test("wait for the server across a restart", async () => {
    const store = await openMemoryStore()
    const kept = { openStore: () => Promise.resolve({ ...bound(store), close: async () => {} }) }
    const { ada, bo, groupId, network, media, relay } = await setup(kept)
    network.up = false
    await ada.client.sendAttachments(groupId, { caption: "later", files })
    expect(await ada.client.uploads(groupId)).toMatchObject([{ caption: "later" }])
    await ada.client.close()
    network.up = true
    const again = await startClient([relay.url], { media, ...kept })
    closing.push(() => again.close())
    await syncAll({ ...ada, client: again }, bo)
    expect(await again.uploads(groupId)).toEqual([])
    expect(await newest(bo, groupId)).toMatchObject({ content: "later" })
  })

  test("of a group that changes meanwhile are sealed anew", async () => {
    const { ada, bo, groupId, uploads, network } = await setup()
    network.beforeUpload = async () => {
      network.beforeUpload = () => Promise.resolve()
      await ada.client.selfUpdate(groupId)
    }
    await ada.client.sendAttachments(groupId, { caption: "", files, wait: true })
    await syncAll(ada, bo)
    expect(uploads.length).toBeGreaterThan(2)
    const { messageId, attachments } = await newest(bo, groupId)
    const index = attachments[0]?.index ?? -1
    expect((await bo.client.attachment(groupId, messageId, index)).bytes).toEqual(picture)
    expect(await messages(bo.client, groupId)).toHaveLength(1)
  })
})

describe("a group's picture", () => {
  test("is set by an admin, seen by everyone, and taken away", async () => {
    const { ada, bo, groupId } = await setup()
    await ada.client.setGroupImage(groupId, { bytes: picture, mediaType: "image/png" })
    await syncAll(ada, bo)
    expect(await bo.client.groupImage(groupId)).toMatchObject({ mediaType: "image/png" })
    expect((await bo.client.groupImage(groupId))?.bytes).toEqual(picture)
    const { image } = await bo.client.group(groupId)
    expect(image).toMatch(/^[0-9a-f]{64}$/)
    expect((await bo.client.chats())[0]?.image).toBe(image)
    expect(await rows(bo.client, groupId)).toContain("group_avatar_changed")
    await ada.client.setGroupImage(groupId, undefined)
    await syncAll(ada, bo)
    expect(await bo.client.groupImage(groupId)).toBeUndefined()
  })

  test("is not set by others, and must be a picture", async () => {
    const { ada, bo, groupId } = await setup()
    const set = bo.client.setGroupImage(groupId, { bytes: picture, mediaType: "image/png" })
    await expect(set).rejects.toMatchObject({ code: "not_admin" })
    const svg = ada.client.setGroupImage(groupId, { bytes: note, mediaType: "image/svg+xml" })
    await expect(svg).rejects.toMatchObject({ code: "invalid_input" })
  })
})

describe("a group's picture on the web", () => {
  const address = "https://pictures.example/club.png"
  const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3])

  /** What the web has, and who was asked for it. */
  function web() {
    const asked: string[] = []
    const pages = new Map([[address, png]])
    const fetchFor = (name: string) => (url: string) => {
      asked.push(`${name}: ${url}`)
      const body = pages.get(url)
      return Promise.resolve(body ? new Response(body) : new Response("", { status: 404 }))
    }
    return { asked, pages, mediaFor: (name: string) => ({ servers: [], fetch: fetchFor(name) }) }
  }

  async function club() {
    const { asked, pages, mediaFor } = web()
    const relay = await startRelay({ port: 0 })
    const ada = await startPerson([relay.url], "Ada", { media: mediaFor("ada") })
    const bo = await startPerson([relay.url], "Bo", { media: mediaFor("bo") })
    closing.push(
      () => relay.close(),
      () => bo.client.close(),
      () => ada.client.close(),
    )
    const { groupId } = await ada.client.createGroup({ name: "Club", members: [bo.npub] })
    await syncAll(ada, bo)
    await acceptOnly(bo)
    const set = async (avatarUrl: string) => {
      await ada.client.updateGroup(groupId, { avatarUrl })
      await syncAll(ada, bo)
    }
    return { ada, bo, groupId, asked, pages, set }
  }

  test("is fetched by nobody who has not asked for it, and then kept", async () => {
    const { ada, bo, groupId, asked, set } = await club()
    await set(` ${address.replace("pictures", "PICTURES")}`)
    expect(await bo.client.group(groupId)).toMatchObject({
      image: undefined,
      webPicture: { url: address, isShown: false },
    })
    expect(await bo.client.groupImage(groupId)).toBeUndefined()
    expect(await rows(bo.client, groupId)).toContain("group_avatar_changed")
    expect(asked).toEqual([])
    await bo.client.showWebPicture(groupId)
    const { image, webPicture } = await bo.client.group(groupId)
    expect(image).toMatch(/^web-[0-9a-f]{64}$/)
    expect(webPicture).toEqual({ url: address, isShown: true })
    expect((await bo.client.chats())[0]?.image).toBe(image)
    const shown = await bo.client.groupImage(groupId)
    expect(shown).toEqual({ bytes: png, mediaType: "image/png", filename: "" })
    expect(asked).toEqual([`bo: ${address}`])

    // Another address is another question; whoever takes the picture away takes the address away.
    await set("https://pictures.example/other.png")
    expect(await bo.client.group(groupId)).toMatchObject({ image: undefined })
    expect(await bo.client.groupImage(groupId)).toBeUndefined()
    await ada.client.setGroupImage(groupId, undefined)
    await syncAll(ada, bo)
    expect((await bo.client.group(groupId)).webPicture).toBeUndefined()
    await set("")
    expect(asked).toHaveLength(1)
  })

  test("that is no picture, is gone or stands at an address to stay away from, is not shown", async () => {
    const { bo, groupId, asked, pages, set } = await club()
    const problem = () =>
      bo.client.showWebPicture(groupId).then(
        () => "none",
        (error: unknown) => (error as Error).message,
      )
    expect(await problem()).toMatch(/no picture on the web/)
    await set("https://pictures.example/gone.png")
    expect(await problem()).toMatch(/not there any more/)
    pages.set("https://pictures.example/gone.png", new TextEncoder().encode("<svg onload=1>"))
    expect(await problem()).toMatch(/no picture/)
    expect(await bo.client.group(groupId)).toMatchObject({ webPicture: { isShown: false } })
    const before = asked.length
    for (const bad of ["http://a.example/x", "https://a.example/#", "https://u@a.example/", "x"]) {
      await expect(set(bad)).rejects.toMatchObject({ code: "invalid_input" })
    }
    for (const near of ["https://localhost/x.png", "https://192.168.0.1/x.png"]) {
      await expect(set(near)).rejects.toMatchObject({ code: "invalid_input" })
    }
    const { client } = bo
    const theirs = client.updateGroup(groupId, { avatarUrl: address })
    await expect(theirs).rejects.toMatchObject({ code: "not_admin" })
    expect(asked).toHaveLength(before)
  })
})

/** A store whose methods can be spread. */
function bound<T extends object>(store: T): T {
  return new Proxy({} as T, {
    get: (_, name) => {
      const value: unknown = Reflect.get(store, name)
      return typeof value === "function" ? (value.bind(store) as unknown) : value
    },
    ownKeys: () => ["get", "range", "batch", "purge", "destroy"],
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
  })
}
