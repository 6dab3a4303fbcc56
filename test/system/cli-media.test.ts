// shared/cli.md: `media.send` and `media.fetch`, over a real relay and a real Blossom server.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { startBlossom } from "../../dev/blossom/server.ts"
import { Cli } from "../support/cli-client.ts"
import { RelayProcess } from "../support/relay-process.ts"

test("a file is sent by one client and fetched by another", async () => {
  const folder = mkdtempSync(join(tmpdir(), "burrow-cli-media-"))
  const relay = await RelayProcess.start(join(folder, "relay"))
  const blossom = await startBlossom({ port: 0 })
  const [alice, bob] = [0, 1].map(() => new Cli(relay.url, undefined, blossom.url)) as [Cli, Cli]
  onTestFinished(async () => {
    await Promise.all([alice.kill(), bob.kill()])
    await Promise.all([relay.kill(), blossom.close()])
    rmSync(folder, { recursive: true })
  })
  await alice.call("account.create", { name: "Alice" })
  const { npub } = await bob.call<{ npub: string }>("account.create", { name: "Bob" })
  for (const cli of [alice, bob]) await cli.call("account.ready")
  const created = { name: "Files", members: [npub] }
  const { groupId } = await alice.call<{ groupId: string }>("groups.create", created)
  for (const cli of [alice, bob]) await cli.call("sync")
  const [invite] = await bob.call<{ inviteId: string }[]>("invites.list")
  await bob.call("invites.accept", { inviteId: invite?.inviteId })

  const sent = join(folder, "notes.txt")
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251))
  writeFileSync(sent, bytes)
  const message = { groupId, path: sent, caption: "the notes" }
  const { messageId } = await alice.call<{ messageId: string }>("media.send", message)
  for (const cli of [alice, bob]) await cli.call("sync")
  const list = await bob.call<{ messageId: string; content: string }[]>("messages.list", {
    groupId,
  })
  expect(list).toMatchObject([{ messageId, content: "the notes" }])

  const path = join(folder, "fetched")
  const fetched = await bob.call<{ bytes: number; type: string }>("media.fetch", {
    groupId,
    messageId,
    path,
  })
  expect(fetched).toMatchObject({ bytes: bytes.length, type: "text/plain" })
  expect(readFileSync(path).equals(bytes)).toBe(true)
  await expect(
    bob.call("media.fetch", { groupId, messageId: "00".repeat(32), path }),
  ).rejects.toMatchObject({ code: expect.any(String) as string })
})
