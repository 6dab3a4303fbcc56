// The exchange of a large group's members: what one has written, others read; and what each did is heard here.

import { type IncomingMessage, type ServerResponse, createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { buffer } from "node:stream/consumers"
import { type Role, roles } from "./large.ts"
import type { Step } from "./steps.ts"

export interface RunningExchange {
  readonly url: string
  readonly items: Map<string, Buffer>
  close(): void
}

/** `heard` is called before a role goes on. */
export async function openExchange(
  heard: (role: Role, step: Step) => void,
): Promise<RunningExchange> {
  const items = new Map<string, Buffer>()

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader("access-control-allow-origin", "*")
    response.setHeader("access-control-allow-methods", "GET, PUT")
    const [role, kind, name = ""] = (request.url ?? "").split("/").slice(1)
    if (request.method === "PUT") {
      const body = await buffer(request)
      if (kind === "step") heard(roleOf(role), JSON.parse(body.toString()) as Step)
      else items.set(name, body)
      response.end()
      return
    }
    const item = items.get(name)
    // Whoever asks for what is not there yet asks again.
    if (item === undefined) response.statusCode = 204
    response.end(item)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    items,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function roleOf(name: string | undefined): Role {
  const role = roles.find((each) => each === name)
  if (role === undefined) throw new Error(`nobody is ${String(name)}`)
  return role
}
