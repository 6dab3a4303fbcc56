// Where the helper for signatures comes from: a SharedWorker can't start workers in every browser, so a page does.

import { portChannel } from "./channels.ts"
import type { FrameHelper } from "./frame-helper.ts"
import { hasType } from "./rpc-server.ts"

/** Worker to page. */
interface HelperWanted {
  readonly type: "helperWanted"
}

/** Page to worker; the port is transferred with it. */
interface HelperOffer {
  readonly type: "helper"
  readonly port: MessagePort
}

type Send = (message: unknown, transfer?: readonly Transferable[]) => void

/** Ours, for as long as this page or worker lives; the one before is of no use once another is asked for. */
let verifier: Worker | undefined

function startVerifier(): MessagePort {
  verifier?.terminate()
  verifier = new Worker(new URL("./verifier.ts", import.meta.url), { type: "module" })
  const { port1, port2 } = new MessageChannel()
  verifier.postMessage(undefined, [port2])
  return port1
}

/** The page's side: answers the worker that wants a helper. */
export function offerHelper(message: unknown, send: Send): void {
  if (!hasType(message, "helperWanted")) return
  const port = startVerifier()
  send({ type: "helper", port } satisfies HelperOffer, [port])
}

/** The worker's side: has the helper of one page at a time, or its own. */
export class HelperSource {
  readonly #helper: FrameHelper
  /** The pages that are open, by what is sent to them; the first one was asked. */
  readonly #pages = new Set<Send>()

  constructor(helper: FrameHelper) {
    this.#helper = helper
    if (typeof Worker !== "undefined") helper.attach(portChannel(startVerifier()))
  }

  add(page: Send): void {
    this.#pages.add(page)
    if (this.#pages.size === 1) this.#ask()
  }

  remove(page: Send): void {
    const [asked] = this.#pages
    this.#pages.delete(page)
    if (asked === page) this.#ask()
  }

  /** Takes a message of a page, if it is meant for here. */
  receive(message: unknown): void {
    if (!hasType(message, "helper")) return
    this.#helper.attach(portChannel((message as HelperOffer).port))
  }

  #ask(): void {
    if (typeof Worker !== "undefined") return
    this.#helper.detach()
    const [page] = this.#pages
    page?.({ type: "helperWanted" } satisfies HelperWanted)
  }
}
