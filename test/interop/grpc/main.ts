// `npm run interop:mls -- --port 50001`: serves the MLS working group's interop interface (mls_client.proto).

import { parseArgs } from "node:util"
import { serveMlsClient } from "./serve.ts"

const { values } = parseArgs({ options: { port: { type: "string", default: "50001" } } })
const { port } = await serveMlsClient(Number(values.port))
process.stdout.write(`serving MLSClient at 127.0.0.1:${port}\n`)
