// Web Locks and message ports: the ways in which pages and the worker find each other and notice each other's end.

import type { Channel } from "./rpc.ts"

export function portChannel(port: MessagePort): Channel {
  return {
    send: (message, transfer = []) => port.postMessage(message, [...transfer]),
    listen: (receive) => {
      port.onmessage = (event) => receive(event.data)
    },
    close: () => port.close(),
  }
}

const lockName = (tab: string) => `burrow-tab-${tab}`

/** Resolves when the page that holds `tab`'s lock is gone. Where there are no Web Locks: never. */
export function tabLock(tab: string): Promise<void> {
  if (!("locks" in navigator)) return new Promise(() => undefined)
  return navigator.locks.request(lockName(tab), () => undefined)
}

/** Holds `tab`'s lock for the life of the page. Resolves once it is held. */
export function holdTabLock(tab: string): Promise<void> {
  if (!("locks" in navigator)) return Promise.resolve()
  return new Promise((resolve) => {
    void navigator.locks.request(lockName(tab), () => {
      resolve()
      return new Promise(() => undefined)
    })
  })
}

/** Messages between a page that has the worker and those that have not, over one `BroadcastChannel`. */
interface Broadcast {
  readonly to: string
  readonly from: string
  readonly message: unknown
}

const LEADER = "leader"

/** The address `from` of a page, with `LEADER` as the other end. */
export function broadcastChannel(name: string, from: string): Channel {
  const channel = new BroadcastChannel(name)
  return {
    send: (message) => channel.postMessage({ to: LEADER, from, message } satisfies Broadcast),
    listen: (receive) => {
      channel.onmessage = (event: MessageEvent<Broadcast>) => {
        if (event.data.to === from) receive(event.data.message)
      }
    },
    close: () => channel.close(),
  }
}

/** The leader's end: gives each page that speaks a port of its own to the worker. */
export function relayBroadcasts(name: string, open: () => MessagePort): () => void {
  const channel = new BroadcastChannel(name)
  const ports = new Map<string, MessagePort>()
  const portOf = (from: string) => {
    const known = ports.get(from)
    if (known !== undefined) return known
    const port = open()
    port.onmessage = (event) => {
      const message: unknown = event.data
      channel.postMessage({ to: from, from: LEADER, message } satisfies Broadcast)
    }
    ports.set(from, port)
    void tabLock(from).then(() => {
      ports.delete(from)
      port.close()
    })
    return port
  }
  channel.onmessage = (event: MessageEvent<Broadcast>) => {
    const { to, from, message } = event.data
    if (to === LEADER) portOf(from).postMessage(message)
  }
  return () => {
    channel.close()
    for (const port of ports.values()) port.close()
  }
}
