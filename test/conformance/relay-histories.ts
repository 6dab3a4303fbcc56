// Scenario IR, retained relays: what was accepted stays, and clients come and ask for it.

import { matches, type Packet, StepFailure, type Transport, type TransportLoad } from "./packet.ts"
import type { Scenario, Selector } from "./scenario.ts"

export type SyncMode =
  | { readonly mode: "incremental" | "full_history" | "set_reconciliation" }
  /** Seconds. */
  | { readonly mode: "since"; readonly timestamp: number }

interface RetainedEvent {
  readonly packet: Packet
  readonly hiddenFrom: Set<string>
}

interface Relay {
  readonly history: RetainedEvent[]
  order: "natural" | "reverse"
  copies: number
}

const ONLY_RELAY = "relay:retained-default"

export class RelayHistories implements Transport {
  readonly #relays = new Map<string, Relay>()
  /** Relay ids by client. */
  readonly #reach = new Map<string, readonly string[]>()
  readonly #online: Set<string>
  readonly #mailboxes: Map<string, Packet[]>
  /** How much of a relay's history a client has asked for, by "client relay". */
  readonly #cursors = new Map<string, number>()
  readonly #published = new Set<number>()
  readonly #now: () => number

  /** `now`: seconds. */
  constructor({ clients, topology }: Scenario, now: () => number) {
    this.#now = now
    this.#online = new Set(clients)
    this.#mailboxes = new Map(clients.map((client) => [client, []]))
    const declared = topology?.relays?.map((relay) => relay.id) ?? []
    for (const id of declared.length === 0 ? [ONLY_RELAY] : declared) {
      this.#relays.set(id, { history: [], order: "natural", copies: 1 })
    }
    for (const client of clients) {
      const device = topology?.devices?.find((each) => each.client === client)
      const process = topology?.processes?.find((each) => each.id === device?.process)
      const relays = declared.length === 0 ? [ONLY_RELAY] : (process?.relays ?? [])
      this.#reach.set(client, relays)
    }
  }

  /** Nothing is published before it is accepted. */
  emit(): void {
    return
  }

  accept(packet: Packet): void {
    if (this.#published.has(packet.sequence)) return
    const reached = this.#reachOf(packet.sender)
    if (reached.length === 0) {
      throw new StepFailure("no_publish_relays", `${packet.sender} has no relay to publish to`)
    }
    this.#published.add(packet.sequence)
    for (const id of reached) this.#relay(id).history.push({ packet, hiddenFrom: new Set() })
  }

  retract(packet: Packet): void {
    if (this.#published.has(packet.sequence)) {
      throw new StepFailure("outbound_already_exposed", "a relay retains the packet")
    }
  }

  deliverAll(): void {
    for (const client of this.#online) this.sync(client, { mode: "incremental" })
  }

  drain(client: string): readonly Packet[] {
    if (!this.#online.has(client)) return []
    const packets = this.#mailboxes.get(client) ?? []
    this.#mailboxes.set(client, [])
    return packets
  }

  underWay(client?: string): TransportLoad {
    const waiting =
      client === undefined
        ? [...this.#mailboxes.values()].flat()
        : (this.#mailboxes.get(client) ?? [])
    return { queued: 0, delayed: 0, mailboxes: waiting.length }
  }

  isOnline(client: string): boolean {
    return this.#online.has(client)
  }

  setOnline(client: string, online: boolean): void {
    if (online) this.#online.add(client)
    else this.#online.delete(client)
  }

  /** Asks every relay of `client`. A time floor does not move the incremental cursor. */
  sync(client: string, sync: SyncMode): void {
    if (!this.#online.has(client)) {
      throw new StepFailure("client_offline", `${client} is offline and can't ask a relay`)
    }
    const mailbox = this.#mailboxes.get(client)
    for (const id of this.#reachOf(client)) {
      const { history, order, copies } = this.#relay(id)
      const cursor = this.#cursors.get(`${client} ${id}`) ?? 0
      const asked = sync.mode === "incremental" ? history.slice(cursor) : [...history]
      if (order === "reverse") asked.reverse()
      for (const { packet, hiddenFrom } of asked) {
        if (hiddenFrom.has(client) || packet.sender === client) continue
        if (sync.mode === "since" && this.#timeOf(packet) < sync.timestamp) continue
        for (let i = 0; i < copies; i++) mailbox?.push(packet)
      }
      if (sync.mode !== "since") this.#cursors.set(`${client} ${id}`, history.length)
    }
  }

  configure(id: string, order: "natural" | "reverse", copies: number): void {
    const relay = this.#relay(id)
    relay.order = order
    relay.copies = copies
  }

  setVisible(
    id: string,
    selector: Selector,
    { clients, visible }: { readonly clients: readonly string[]; readonly visible: boolean },
  ): void {
    const found = this.#relay(id).history.filter(({ packet }) => matches(selector, packet))
    const event = found[selector.occurrence ?? 0]
    if (event === undefined) {
      const wanted = JSON.stringify(selector)
      throw new StepFailure("message_selector_no_match", `no retained event matches ${wanted}`)
    }
    for (const client of clients) {
      if (visible) event.hiddenFrom.delete(client)
      else event.hiddenFrom.add(client)
    }
  }

  /** Afterwards each of the relays has what any of them had; what is copied is visible to all. */
  reconcile(ids: readonly string[]): void {
    const all = ids.flatMap((id) => this.#relay(id).history.map(({ packet }) => packet))
    for (const id of ids) {
      const { history } = this.#relay(id)
      for (const packet of all) {
        if (history.some((event) => event.packet === packet)) continue
        history.push({ packet, hiddenFrom: new Set() })
      }
    }
  }

  #timeOf({ content }: Packet): number {
    return content.kind === "welcome" ? this.#now() : content.event.created_at
  }

  #reachOf(client: string): readonly string[] {
    return this.#reach.get(client) ?? []
  }

  #relay(id: string): Relay {
    const relay = this.#relays.get(id)
    if (relay === undefined) throw new StepFailure("unknown_relay", `unknown relay ${id}`)
    return relay
  }
}
