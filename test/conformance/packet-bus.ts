// Scenario IR, packet bus: one queue for all, in order, with partitions and faults at named packets.

import { matches, type Packet, StepFailure, type Transport, type TransportLoad } from "./packet.ts"
import type { Selector } from "./scenario.ts"

export class PacketBus implements Transport {
  readonly #mailboxes: Map<string, Packet[]>
  readonly #exposed = new Set<number>()
  readonly #delayed = new Map<string, Packet[]>()
  #queue: Packet[] = []
  /** Undefined: everyone. */
  #allowed: ReadonlySet<string> | undefined

  constructor(clients: readonly string[]) {
    this.#mailboxes = new Map(clients.map((client) => [client, []]))
  }

  emit(packet: Packet): void {
    this.#queue.push(packet)
  }

  /** It is in the queue since it was emitted. */
  accept(): void {
    return
  }

  retract(packet: Packet): void {
    if (this.#exposed.has(packet.sequence)) {
      throw new StepFailure("outbound_already_exposed", "a recipient has the packet already")
    }
    this.#queue = this.#queue.filter((queued) => queued !== packet)
    for (const [label, packets] of this.#delayed) {
      const kept = packets.filter((held) => held !== packet)
      if (kept.length === 0) this.#delayed.delete(label)
      else this.#delayed.set(label, kept)
    }
  }

  deliverAll(): void {
    for (const packet of this.#queue) {
      for (const [client, mailbox] of this.#mailboxes) {
        if (client === packet.sender || this.#allowed?.has(client) === false) continue
        mailbox.push(packet)
        this.#exposed.add(packet.sequence)
      }
    }
    this.#queue = []
  }

  drain(client: string): readonly Packet[] {
    const packets = this.#mailboxes.get(client) ?? []
    this.#mailboxes.set(client, [])
    return packets
  }

  underWay(client?: string): TransportLoad {
    const reaches = (packet: Packet) => client === undefined || packet.sender !== client
    const waiting =
      client === undefined
        ? [...this.#mailboxes.values()].flat()
        : (this.#mailboxes.get(client) ?? [])
    return {
      queued: this.#queue.filter(reaches).length,
      delayed: [...this.#delayed.values()].flat().filter(reaches).length,
      mailboxes: waiting.length,
    }
  }

  setPartition(allowed: readonly string[] | undefined): void {
    this.#allowed = allowed === undefined ? undefined : new Set(allowed)
  }

  omit(selector: Selector): void {
    this.#queue.splice(this.#indexOf(selector), 1)
  }

  /** The copy follows the original. */
  duplicate(selector: Selector): void {
    const index = this.#indexOf(selector)
    this.#queue.splice(index, 0, ...this.#queue.slice(index, index + 1))
  }

  withhold(selector: Selector, label: string): void {
    const taken = this.#queue.splice(this.#indexOf(selector), 1)
    this.#delayed.set(label, [...(this.#delayed.get(label) ?? []), ...taken])
  }

  release(label: string): void {
    const packets = this.#delayed.get(label)
    if (packets === undefined) {
      throw new StepFailure("unknown_withheld_messages", `nothing is withheld as ${label}`)
    }
    this.#delayed.delete(label)
    this.#queue.push(...packets)
  }

  /** `order` names every queued packet once. */
  reorder(order: readonly Selector[]): void {
    const indices = order.map((selector) => this.#indexOf(selector))
    if (indices.length !== this.#queue.length || new Set(indices).size !== indices.length) {
      throw new StepFailure("invalid_semantic_queue_order", "not every queued packet once")
    }
    this.#queue = indices.flatMap((index) => this.#queue.slice(index, index + 1))
  }

  #indexOf(selector: Selector): number {
    const found = this.#queue.flatMap((packet, i) => (matches(selector, packet) ? [i] : []))
    const index = found[selector.occurrence ?? 0]
    if (index === undefined) {
      const wanted = JSON.stringify(selector)
      throw new StepFailure("message_selector_no_match", `no queued packet matches ${wanted}`)
    }
    return index
  }
}
