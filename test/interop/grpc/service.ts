// The calls of `mls_client.proto` by their names there.

import type { ServerUnaryCall, ServiceDefinition, sendUnaryData } from "@grpc/grpc-js"
import { status } from "@grpc/grpc-js"
import type { Server } from "@grpc/grpc-js"
import { InteropClient } from "./client.ts"
import { Outsiders } from "./outsiders.ts"
import { Successors } from "./successors.ts"
import { Tables } from "./tables.ts"

/** Adds the service to a server; `definition` is MLSClient's. */
export function addMlsClient(server: Server, definition: ServiceDefinition): void {
  const tables = new Tables()
  const client = new InteropClient(tables)
  const successors = new Successors(tables)
  const outsiders = new Outsiders(tables)
  const serve =
    (method: (request: never) => object | Promise<object>) =>
    (call: ServerUnaryCall<unknown, object>, answer: sendUnaryData<object>) => {
      Promise.resolve()
        // proto-loader has checked the request against the definition.
        .then(() => method(withArrays(call.request) as never))
        .then(
          (response) => answer(null, response),
          (error: unknown) => answer({ code: status.INTERNAL, details: String(error) }),
        )
    }
  server.addService(definition, {
    Name: serve(() => client.name()),
    SupportedCiphersuites: serve(() => client.supportedCiphersuites()),
    CreateGroup: serve(client.createGroup.bind(client)),
    CreateKeyPackage: serve(client.createKeyPackage.bind(client)),
    JoinGroup: serve(client.joinGroup.bind(client)),
    ExternalJoin: serve(client.externalJoin.bind(client)),
    GroupInfo: serve(client.groupInfo.bind(client)),
    StateAuth: serve(client.stateAuth.bind(client)),
    Export: serve(client.export.bind(client)),
    Protect: serve(client.protect.bind(client)),
    Unprotect: serve(client.unprotect.bind(client)),
    StorePSK: serve(client.storePsk.bind(client)),
    AddProposal: serve(client.addProposal.bind(client)),
    UpdateProposal: serve(client.updateProposal.bind(client)),
    RemoveProposal: serve(client.removeProposal.bind(client)),
    ExternalPSKProposal: serve(client.externalPskProposal.bind(client)),
    ResumptionPSKProposal: serve(client.resumptionPskProposal.bind(client)),
    GroupContextExtensionsProposal: serve(client.groupContextExtensionsProposal.bind(client)),
    Commit: serve(client.commit.bind(client)),
    HandleCommit: serve(client.handleCommit.bind(client)),
    HandlePendingCommit: serve(client.handlePendingCommit.bind(client)),
    ReInitProposal: serve(successors.reInitProposal.bind(successors)),
    ReInitCommit: serve(client.commit.bind(client)),
    HandlePendingReInitCommit: serve(successors.handlePendingReInitCommit.bind(successors)),
    HandleReInitCommit: serve(successors.handleReInitCommit.bind(successors)),
    ReInitWelcome: serve(successors.reInitWelcome.bind(successors)),
    HandleReInitWelcome: serve(successors.handleReInitWelcome.bind(successors)),
    CreateBranch: serve(successors.createBranch.bind(successors)),
    HandleBranch: serve(successors.handleBranch.bind(successors)),
    NewMemberAddProposal: serve(outsiders.newMemberAddProposal.bind(outsiders)),
    CreateExternalSigner: serve(outsiders.createExternalSigner.bind(outsiders)),
    AddExternalSigner: serve(outsiders.addExternalSigner.bind(outsiders)),
    ExternalSignerProposal: serve(outsiders.externalSignerProposal.bind(outsiders)),
    Free: serve(client.free.bind(client)),
  })
}

/** gRPC hands over Buffers; ours are plain byte arrays of their own. */
function withArrays(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (Array.isArray(value)) return value.map(withArrays)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, withArrays(field)]))
}
