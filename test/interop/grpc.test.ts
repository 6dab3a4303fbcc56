// The MLS working group's scripts against our own servers of its interop interface, two that share nothing.

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Client, credentials } from "@grpc/grpc-js"
import { afterAll, beforeAll, expect, test } from "vitest"
import { sharedFolder } from "../shared-folder.ts"
import { withShared } from "../shared.ts"
import { ScriptRun, type ScriptSetting, type Step } from "./grpc/script.ts"
import { type Served, mlsClientDefinition, serveMlsClient } from "./grpc/serve.ts"

/** All but deep_random, which takes minutes: the official runner's, see docs/interop.md. */
const CONFIGS = [
  "application",
  "branch",
  "commit",
  "external_join",
  "external_proposals",
  "reinit",
  "welcome_join",
]

type Scripts = Readonly<Record<string, readonly Step[]>>
const scriptsOf = (config: string): Scripts =>
  (
    JSON.parse(readFileSync(join(sharedFolder, `interop/configs/${config}.json`), "utf8")) as {
      readonly scripts: Scripts
    }
  ).scripts

withShared("interop/configs/commit.json", () => {
  const called = new Set<string>()
  const definition = mlsClientDefinition()
  let servers: Served[]
  let clients: Client[]
  beforeAll(async () => {
    servers = [await serveMlsClient(0), await serveMlsClient(0)]
    clients = servers.map(
      ({ port }) => new Client(`127.0.0.1:${port}`, credentials.createInsecure()),
    )
  })
  afterAll(() => {
    clients.forEach((client) => {
      client.close()
    })
    servers.forEach(({ close }) => {
      close()
    })
  })

  const runOf = (setting: Pick<ScriptSetting, "suite" | "otherSuite" | "encryptHandshake">) =>
    new ScriptRun({ definition, clients, onCall: (method) => called.add(method), ...setting })

  // The official runner has run each with both (docs/interop.md); here every second script is encrypted.
  test.each(
    CONFIGS.flatMap((config) =>
      Object.entries(scriptsOf(config)).map(([name, script], i) => {
        const encryptHandshake = i % 2 === 1
        const format = encryptHandshake ? "private" : "public"
        return { title: `${config}/${name}, ${format} handshakes`, script, encryptHandshake }
      }),
    ),
  )("$title", async ({ script, encryptHandshake }) => {
    await runOf({ suite: 1, otherSuite: 3, encryptHandshake }).run(script)
  })

  test.each([2, 3, 4, 5, 6, 7])("suite %i", async (suite) => {
    const [script] = Object.values(scriptsOf("welcome_join"))
    await runOf({ suite, otherSuite: 1, encryptHandshake: true }).run(script ?? [])
  })

  test("what no script calls, and a script that fails", async () => {
    const run = runOf({ suite: 1, otherSuite: 3, encryptHandshake: false })
    await run.run([{ action: "createGroup", actor: "alice", members: ["bob"] }])
    const about = (actor: string) => ({ state_id: run.stateOf(actor) })
    expect(await run.call("alice", "Name", {})).toEqual({ name: "Burrow" })
    const suites = { ciphersuites: [1, 2, 3, 4, 5, 6, 7] }
    expect(await run.call("alice", "SupportedCiphersuites", {})).toEqual(suites)
    const authenticator = await run.call("alice", "StateAuth", about("alice"))
    expect(await run.call("bob", "StateAuth", about("bob"))).toEqual(authenticator)
    const exported = { label: "label", context: Buffer.of(1), key_length: 32 }
    const secret = await run.call("alice", "Export", { ...about("alice"), ...exported })
    expect(await run.call("bob", "Export", { ...about("bob"), ...exported })).toEqual(secret)

    const twice: Step[] = [
      { action: "createGroup", actor: "alice", members: ["bob"] },
      { action: "removeProposal", actor: "alice", removed: "carol" },
    ]
    const failing = runOf({ suite: 1, otherSuite: 3, encryptHandshake: false })
    await expect(failing.run(twice)).rejects.toThrow("step 1, removeProposal")
    expect([...called].sort()).toEqual(Object.keys(definition).sort())
  })
})
