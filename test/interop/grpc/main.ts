// `npm run interop:mls -- --port 50001`: serves the MLS working group's interop interface (mls_client.proto).

import { join } from "node:path"
import { parseArgs } from "node:util"
import { Server, ServerCredentials } from "@grpc/grpc-js"
import type { ServiceDefinition } from "@grpc/grpc-js"
import { loadSync } from "@grpc/proto-loader"
import { sharedFolder } from "../../shared-folder.ts"
import { addMlsClient } from "./service.ts"

const { values } = parseArgs({ options: { port: { type: "string", default: "50001" } } })
const address = `127.0.0.1:${values.port}`
const proto = join(sharedFolder, "interop/mls_client.proto")
const definitions = loadSync(proto, { keepCase: true, longs: String, defaults: true })

const server = new Server({ "grpc.max_receive_message_length": 64 * 2 ** 20 })
addMlsClient(server, definitions["mls_client.MLSClient"] as ServiceDefinition)
server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error
  process.stdout.write(`serving MLSClient at ${address}\n`)
})
