// The process of which a test asks what it loaded: writes a JSON object, each step's modules of curves and lattices, ours
// and the packages that they come from.

import { Session } from "node:inspector/promises"

const loaded: string[] = []
const session = new Session()
session.connect()
// The engine tells of every script and module that it compiles, in the order of their loading.
session.on("Debugger.scriptParsed", ({ params }) => loaded.push(params.url))
await session.post("Debugger.enable")

const steps: Record<string, readonly string[]> = {}

async function step<T>(name: string, run: () => Promise<T>): Promise<T> {
  const before = loaded.length
  const result = await run()
  const found = loaded
    .slice(before)
    .flatMap((url) => /@noble\/(?:curves|post-quantum)(?=\/)|noble-[\w-]+\.ts$/.exec(url) ?? [])
  steps[name] = [...new Set(found)].sort()
  return result
}

const mls = await step("index", () => import("../../src/mls/index.ts"))
await step("a group of suite 1", () => import("./mls-example.ts"))
const keysOf = (suite: number) => async () => {
  const crypto = await mls.createCrypto({ suite: mls.cipherSuite(suite), backend: "noble" })
  await crypto.generateKemKeyPair()
  await crypto.generateSignatureKeyPair()
}
await step("suite 1 on noble", keysOf(0x0001))
await step("suite 0xf801", keysOf(0xf801))
await step("suite 0xf80a", keysOf(0xf80a))
process.stdout.write(JSON.stringify(steps))
