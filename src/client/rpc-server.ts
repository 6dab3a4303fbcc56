// The worker's end of the channel: calls go to the client, answers and changes back to the page.

import type { ClientApi } from "./api.ts"
import { ClientError } from "./api.ts"
import { asFailure } from "./failure.ts"
import { methods } from "./rpc.ts"
import type { Channel, Method, ToPage, ToWorker } from "./rpc.ts"

export interface ServeOptions {
  /** Other messages that share the channel. */
  readonly other?: (message: unknown) => void
}

/** Serves one page. Returns the way to stop; answers that are still owed then go nowhere. */
export function serve(
  api: Promise<ClientApi>,
  channel: Channel,
  { other }: ServeOptions = {},
): () => void {
  let stopped = false
  let unsubscribe = () => {}
  const send = (message: ToPage) => {
    if (!stopped) channel.send(message)
  }
  // A client that can't start fails each call, with its reason.
  api.then(
    (client) => {
      if (!stopped) unsubscribe = client.subscribe((change) => send({ type: "change", change }))
    },
    () => undefined,
  )
  channel.listen((message) => {
    if (isCall(message)) {
      void invoke(api, message).then(
        (value) => send({ type: "result", id: message.id, value }),
        (error: unknown) => send({ type: "failure", id: message.id, failure: asFailure(error) }),
      )
    } else if (isPing(message)) send({ type: "pong" })
    else other?.(message)
  })
  return () => {
    stopped = true
    unsubscribe()
    channel.close()
  }
}

async function invoke(
  api: Promise<ClientApi>,
  { method, args }: { readonly method: Method; readonly args: unknown[] },
): Promise<unknown> {
  if (!known.has(method)) throw new ClientError("not_implemented", "There is no such method.")
  const client = await api
  const call = client as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  return (await call[method]?.(...args)) ?? undefined
}

const known: ReadonlySet<string> = new Set(methods)

function isCall(message: unknown): message is ToWorker & { readonly type: "call" } {
  return hasType(message, "call") && "id" in message && "args" in message
}

const isPing = (message: unknown) => hasType(message, "ping")

export function hasType<T extends string>(
  message: unknown,
  type: T,
): message is { readonly type: T } {
  return (
    typeof message === "object" && message !== null && "type" in message && message.type === type
  )
}
