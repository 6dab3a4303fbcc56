// Our client as a gRPC server.

import { join } from "node:path"
import { Server, ServerCredentials } from "@grpc/grpc-js"
import type { ServiceDefinition } from "@grpc/grpc-js"
import { loadSync } from "@grpc/proto-loader"
import { sharedFolder } from "../../shared-folder.ts"
import { addMlsClient } from "./service.ts"

const MAX_MESSAGE = 64 * 2 ** 20

export interface Served {
  /** On this machine only. */
  readonly port: number
  readonly close: () => void
}

/** MLSClient of mls_client.proto. */
export function mlsClientDefinition(): ServiceDefinition {
  const proto = join(sharedFolder, "interop/mls_client.proto")
  const definitions = loadSync(proto, { keepCase: true, longs: String, defaults: true })
  return definitions["mls_client.MLSClient"] as ServiceDefinition
}

/** One instance, with groups of its own. `port` 0: any that is free. */
export function serveMlsClient(port: number): Promise<Served> {
  const server = new Server({ "grpc.max_receive_message_length": MAX_MESSAGE })
  addMlsClient(server, mlsClientDefinition())
  return new Promise((resolve, reject) => {
    const credentials = ServerCredentials.createInsecure()
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => {
      if (error !== null) reject(error)
      else resolve({ port: bound, close: () => server.forceShutdown() })
    })
  })
}
