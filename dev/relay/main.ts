// The relay from the command line: npm run relay -- --port 4869 --data data/relay [--host 127.0.0.1] [--auth MODE]

import { parseArgs } from "node:util"
import { verifyFast } from "../../src/nostr/fast-verify.ts"
import { startRelay } from "./server.ts"
import type { AuthMode } from "./auth.ts"

const modes: readonly AuthMode[] = ["optional", "gift-wraps", "everything"]

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "4869" },
    host: { type: "string", default: "127.0.0.1" },
    data: { type: "string" },
    auth: { type: "string", default: "optional" },
  },
})

const port = Number(values.port)
const auth = modes.find((mode) => mode === values.auth)
if (!Number.isInteger(port) || port < 0 || port > 65_535 || auth === undefined) {
  console.error(`usage: relay [--port N] [--host H] [--data DIR] [--auth ${modes.join("|")}]`)
  process.exit(2)
}

await verifyFast()
const relay = await startRelay({ port, host: values.host, dataDir: values.data, auth })
console.log(`relay: ${relay.url} (${values.data ?? "in memory"})`)

const stop = () => void relay.close().then(() => process.exit(0))
process.once("SIGINT", stop)
process.once("SIGTERM", stop)
