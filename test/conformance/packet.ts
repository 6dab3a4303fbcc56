// Scenario IR, transport: what a client hands to the network, and how a scenario names it.

import type { Effect } from "../../src/marmot/engine-types.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import type { Selector } from "./scenario.ts"

/** A Welcome and the author of its seal, 64 hex. */
export type WelcomeEffect = Effect & { readonly type: "welcome" } & { readonly inviter: string }

/** One object as it was emitted; a copy of it is the same value. */
export interface Packet {
  /** Order of emission over all clients. */
  readonly sequence: number
  /** Label of the client. */
  readonly sender: string
  /** Of the step that caused it. */
  readonly actionId: string
  /** The scenario's name for the publication that it belongs to. */
  readonly publication: string | undefined
  readonly content:
    | { readonly kind: "welcome"; readonly welcome: WelcomeEffect }
    | { readonly kind: "commit" | "proposal" | "application"; readonly event: NostrEvent }
}

/** Everything that a selector names but `occurrence`. */
export function matches(selector: Selector, packet: Packet): boolean {
  const { kind } = packet.content
  return (
    (selector.action_id === undefined || selector.action_id === packet.actionId) &&
    (selector.publication === undefined || selector.publication === packet.publication) &&
    (selector.sender === undefined || selector.sender === packet.sender) &&
    (selector.class === undefined ||
      selector.class === kind ||
      (selector.class === "group_message" && kind !== "welcome"))
  )
}

/** A step can't be carried out, or an executed assertion does not hold: the scenario ends there. */
export class StepFailure extends Error {
  override name = "StepFailure"
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Carries packets between clients; how faithfully is the scenario's business. */
export interface Transport {
  emit(packet: Packet): void
  /** An endpoint took it. */
  accept(packet: Packet): void
  /** No endpoint took it. Throws `StepFailure` `outbound_already_exposed`. */
  retract(packet: Packet): void
  deliverAll(): void
  /** What waits for `client`, which has it from now on. */
  drain(client: string): readonly Packet[]
  /** Packets that are under way: to one client, or to all. */
  underWay(client?: string): TransportLoad
}

export interface TransportLoad {
  readonly queued: number
  readonly delayed: number
  readonly mailboxes: number
}
