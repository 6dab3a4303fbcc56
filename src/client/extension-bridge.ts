// NIP-07 across the worker's border: the worker asks a tab that has an extension; the tab asks `window.nostr`.

import { SignerError } from "../nostr/error.ts"
import type { Nip07Provider } from "../nostr/nip07-signer.ts"
import type { Timer, Timers } from "./ports.ts"
import { hasType } from "./rpc-server.ts"

type Operation = "getPublicKey" | "signEvent" | "encrypt" | "decrypt"

/** Worker to tab. */
interface Question {
  readonly type: "extension"
  readonly id: number
  readonly operation: Operation
  readonly args: readonly unknown[]
}

/** Tab to worker. */
type Answer =
  | { readonly type: "extensionAnswer"; readonly id: number; readonly value: unknown }
  | {
      readonly type: "extensionAnswer"
      readonly id: number
      readonly problem: "refused" | "unavailable"
    }

/** Tab to worker: whether there is an extension, and whether the user looks at the tab. */
interface Presence {
  readonly type: "presence"
  readonly extension: boolean
  readonly visible: boolean
}

/** The user thinks about each question for so long at most. */
const PATIENCE_MS = 5 * 60_000
const MAX_OUTSTANDING = 256

interface Outstanding {
  readonly question: Question
  readonly timer: Timer
  tab: Tab
  resolve(value: unknown): void
  reject(error: SignerError): void
}

/** A page, as the worker sees it. */
export class Tab {
  readonly send: (message: unknown) => void
  extension = false
  visible = false

  constructor(send: (message: unknown) => void) {
    this.send = send
  }
}

/** The worker's side: a provider whose questions go to whichever tab can ask them. */
export class ExtensionBridge implements Nip07Provider {
  readonly #timers: Timers
  readonly #tabs = new Set<Tab>()
  readonly #outstanding = new Map<number, Outstanding>()
  #nextId = 1
  /** Called when the first tab with an extension is there. */
  onAvailable: () => void = () => undefined

  constructor(timers: Timers) {
    this.#timers = timers
  }

  readonly nip44 = {
    encrypt: (pubkey: string, text: string) => this.#ask("encrypt", [pubkey, text]),
    decrypt: (pubkey: string, payload: string) => this.#ask("decrypt", [pubkey, payload]),
  }

  getPublicKey(): Promise<unknown> {
    return this.#ask("getPublicKey", [])
  }

  signEvent(template: Parameters<Nip07Provider["signEvent"]>[0]): Promise<unknown> {
    return this.#ask("signEvent", [template])
  }

  add(tab: Tab): void {
    this.#tabs.add(tab)
  }

  /** The tab is gone: its questions are asked in another one. */
  remove(tab: Tab): void {
    this.#tabs.delete(tab)
    for (const outstanding of [...this.#outstanding.values()]) {
      if (outstanding.tab === tab) this.#askAgain(outstanding)
    }
  }

  /** Takes a message of a tab, if it is meant for here. */
  receive(tab: Tab, message: unknown): void {
    if (hasType(message, "presence")) {
      const { extension, visible } = message as Presence
      const isFirst = extension && this.#choose() === undefined
      tab.extension = extension
      tab.visible = visible
      if (isFirst) this.onAvailable()
    } else if (hasType(message, "extensionAnswer")) this.#answered(message as Answer)
  }

  #ask(operation: Operation, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const tab = this.#choose()
      if (tab === undefined || this.#outstanding.size >= MAX_OUTSTANDING) {
        reject(new SignerError("unavailable", "no tab with an extension is open"))
        return
      }
      const question = { type: "extension", id: this.#nextId++, operation, args } as const
      const timer = this.#timers.setTimeout(() => {
        this.#take(question.id)?.reject(new SignerError("refused", "no answer of the user"))
      }, PATIENCE_MS)
      this.#outstanding.set(question.id, { question, timer, tab, resolve, reject })
      tab.send(question)
    })
  }

  #askAgain(outstanding: Outstanding): void {
    const tab = this.#choose()
    if (tab === undefined) {
      this.#take(outstanding.question.id)
      outstanding.reject(new SignerError("unavailable", "the tab with the extension was closed"))
    } else {
      outstanding.tab = tab
      tab.send(outstanding.question)
    }
  }

  #answered(answer: Answer): void {
    const outstanding = this.#take(answer.id)
    if (outstanding === undefined) return
    if ("value" in answer) outstanding.resolve(answer.value)
    else outstanding.reject(new SignerError(answer.problem, "the extension did not agree"))
  }

  #take(id: number): Outstanding | undefined {
    const outstanding = this.#outstanding.get(id)
    if (outstanding !== undefined) this.#timers.clearTimeout(outstanding.timer)
    this.#outstanding.delete(id)
    return outstanding
  }

  /** Where the user is; otherwise any tab that has an extension. */
  #choose(): Tab | undefined {
    const able = [...this.#tabs].filter(({ extension }) => extension)
    return able.find(({ visible }) => visible) ?? able.at(-1)
  }
}

/** The page's side: answers the worker's questions with `provider`. */
export async function answerExtension(
  message: unknown,
  provider: Nip07Provider | undefined,
  send: (answer: unknown) => void,
): Promise<void> {
  if (!hasType(message, "extension")) return
  const { id, operation, args } = message as Question
  const answer = (rest: { value: unknown } | { problem: "refused" | "unavailable" }) =>
    send({ type: "extensionAnswer", id, ...rest } satisfies Answer)
  if (provider === undefined) {
    answer({ problem: "unavailable" })
    return
  }
  try {
    answer({ value: plain(await perform(provider, operation, args)) })
  } catch (error) {
    const unavailable = error instanceof SignerError && error.code === "unavailable"
    answer({ problem: unavailable ? "unavailable" : "refused" })
  }
}

export function presence(extension: boolean, visible: boolean): unknown {
  return { type: "presence", extension, visible } satisfies Presence
}

function perform(
  provider: Nip07Provider,
  operation: Operation,
  args: readonly unknown[],
): Promise<unknown> {
  switch (operation) {
    case "getPublicKey":
      return provider.getPublicKey()
    case "signEvent":
      return provider.signEvent(args[0] as Parameters<Nip07Provider["signEvent"]>[0])
    case "encrypt":
    case "decrypt": {
      const { nip44 } = provider
      if (nip44 === undefined) throw new SignerError("unavailable", "no NIP-44")
      return nip44[operation](String(args[0]), String(args[1]))
    }
  }
}

/** What an extension returns may be a proxy, which can't be cloned; the signer checks its content. */
const plain = (value: unknown): unknown =>
  value === undefined ? null : (JSON.parse(JSON.stringify(value)) as unknown)
