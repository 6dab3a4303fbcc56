// The page's way to the client: one engine for all tabs, wherever it runs, and `window.nostr` for the worker.

import type { Nip07Provider } from "../nostr/nip07-signer.ts"
import type { ClientApi } from "./api.ts"
import { broadcastChannel, holdTabLock, portChannel, relayBroadcasts } from "./channels.ts"
import { loadConfig } from "./config.ts"
import { answerExtension, presence } from "./extension-bridge.ts"
import { offerHelper } from "./helper-source.ts"
import type { Channel } from "./rpc.ts"
import { RpcClient } from "./rpc.ts"
import type { Hello } from "./worker.ts"

const ENGINE_LOCK = "burrow-engine"
const BROADCAST = "burrow"
const LEADERS = "burrow-leaders"
/** Extensions put `window.nostr` in place some time after the page has loaded. */
const LOOK_AGAIN_MS = [300, 1_000, 3_000]

declare global {
  interface Window {
    nostr?: Nip07Provider
  }
}

export interface Connection {
  readonly api: ClientApi
}

export async function connectClient(): Promise<Connection> {
  const tab = crypto.randomUUID()
  const [config] = await Promise.all([loadConfig("./burrow.json"), holdTabLock(tab)])
  const hello: Hello = { type: "hello", tab, relays: config.relays, blossom: config.blossom }
  const open = typeof SharedWorker === "undefined" ? dedicated(tab) : shared
  const rpc: RpcClient = new RpcClient({
    timers: {
      setTimeout: (run, milliseconds) => setTimeout(run, milliseconds),
      clearTimeout: (timer) => clearTimeout(timer),
    },
    connect: () => {
      const channel = open(() => rpc.reconnect())
      channel.send(hello)
      channel.send(presence(window.nostr !== undefined, isVisible()))
      return channel
    },
    other: (message) => {
      offerHelper(message, (offer, transfer) => rpc.send(offer, transfer))
      void answerExtension(message, window.nostr, (answer) => rpc.send(answer))
    },
  })
  announcePresence(rpc)
  return { api: rpc.api }
}

function shared(): Channel {
  const worker = new SharedWorker(new URL("./worker.ts", import.meta.url), {
    type: "module",
    name: "burrow",
  })
  return portChannel(worker.port)
}

/**
 * Without a SharedWorker: the tab that gets the lock starts the worker and passes on what the others say. `moved` is
 * called when this tab takes over from one that was closed.
 */
function dedicated(tab: string): (moved: () => void) => Channel {
  /** Ours, once this tab holds the lock. */
  let worker: Worker | undefined
  let isUsed = false
  let isWaiting = false
  let stopRelaying = () => {}
  const port = (target: Worker): MessagePort => {
    const { port1, port2 } = new MessageChannel()
    target.postMessage({ type: "port" }, [port2])
    return port1
  }
  const start = (): Worker => {
    stopRelaying()
    worker?.terminate()
    const started = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" })
    worker = started
    stopRelaying = relayBroadcasts(BROADCAST, () => port(started))
    // Others hear that they have to introduce themselves anew.
    new BroadcastChannel(LEADERS).postMessage(tab)
    return started
  }
  const takeOver = (moved: () => void) => {
    isWaiting = true
    void navigator.locks.request(ENGINE_LOCK, () => {
      start()
      moved()
      return new Promise(() => undefined)
    })
    new BroadcastChannel(LEADERS).onmessage = () => {
      if (worker === undefined) moved()
    }
  }
  return (moved) => {
    if (worker !== undefined) {
      // Asked for the second time: the worker does not answer any more.
      const target = isUsed ? start() : worker
      isUsed = true
      return portChannel(port(target))
    }
    if (!isWaiting) takeOver(moved)
    return broadcastChannel(BROADCAST, tab)
  }
}

const isVisible = () => document.visibilityState === "visible"

/** Tells the worker when the extension appears, and when the page wakes up. */
function announcePresence(rpc: RpcClient): void {
  const tell = () => rpc.send(presence(window.nostr !== undefined, isVisible()))
  const wake = () => {
    tell()
    if (isVisible()) rpc.send({ type: "awake" })
  }
  document.addEventListener("visibilitychange", wake)
  addEventListener("pageshow", wake)
  addEventListener("online", wake)
  for (const delay of LOOK_AGAIN_MS) setTimeout(tell, delay)
}
