// The engine's thread: a SharedWorker for all tabs, or a dedicated worker in the tab that holds the lock.

import { othersTurn } from "../mls/index.ts"
import { openIndexedDbStore } from "../store/index.ts"
import type { ClientApi } from "./api.ts"
import { openClient } from "./client.ts"
import type { Client } from "./client.ts"
import { ExtensionBridge, Tab } from "./extension-bridge.ts"
import { portChannel, tabLock } from "./channels.ts"
import { FrameHelper } from "./frame-helper.ts"
import { HelperSource } from "./helper-source.ts"
import { hasType, serve } from "./rpc-server.ts"

/** What a page says first, on its own port. */
export interface Hello {
  readonly type: "hello"
  /** Names the Web Lock that the page holds for as long as it lives. */
  readonly tab: string
  readonly relays: readonly string[]
  readonly blossom: readonly string[]
}

const timers = {
  setTimeout: (run: () => void, milliseconds: number) => setTimeout(run, milliseconds),
  clearTimeout: (timer: ReturnType<typeof setTimeout>) => clearTimeout(timer),
}

const helper = new FrameHelper(timers)
const helpers = new HelperSource(helper)
const bridge = new ExtensionBridge(timers)
let client: Promise<Client> | undefined
bridge.onAvailable = () => void client?.then((started) => started.signerAvailable())

/** One for all pages; the first one's configuration counts. A failure is told, and the next page tries again. */
function start({ relays, blossom }: Hello): Promise<ClientApi> {
  client ??= openClient({
    // Without its store this worker is of no use; the pages notice its silence and start another one.
    openStore: () => openIndexedDbStore("burrow", { onLost: () => close() }),
    WebSocket,
    defaultRelays: relays,
    media: { fetch: (url, init) => fetch(url, init), servers: blossom },
    extension: bridge,
    elsewhere: helper,
    othersTurn,
    timers,
  }).catch((error: unknown) => {
    client = undefined
    throw error
  })
  return client
}

function connect(port: MessagePort): void {
  const channel = portChannel(port)
  const tab = new Tab((message) => channel.send(message))
  const send = (message: unknown) => channel.send(message)
  const { promise: api, resolve } = withResolver()
  const stop = serve(api, channel, {
    other: (message) => {
      if (hasType(message, "hello")) {
        const hello = message as Hello
        resolve(start(hello))
        void tabLock(hello.tab).then(() => {
          stop()
          bridge.remove(tab)
          helpers.remove(send)
        })
      } else if (hasType(message, "awake")) void client?.then((started) => started.setOnline(true))
      else {
        helpers.receive(message)
        bridge.receive(tab, message)
      }
    },
  })
  bridge.add(tab)
  helpers.add(send)
}

function withResolver() {
  let resolve: (value: Promise<ClientApi>) => void = () => undefined
  const promise = new Promise<ClientApi>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

for (const [event, online] of [
  ["online", true],
  ["offline", false],
] as const) {
  addEventListener(event, () => void client?.then((started) => started.setOnline(online)))
}

// A SharedWorker is handed a port by `connect`, a dedicated one by a message.
addEventListener("connect", (event) => {
  if (!(event instanceof MessageEvent)) return
  const [port] = event.ports
  if (port !== undefined) connect(port)
})
addEventListener("message", (event) => {
  const [port] = event.ports
  if (port !== undefined) connect(port)
})
