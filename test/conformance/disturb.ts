// Scenario IR, faults: what a scenario does to packets under way and to relays.

import type { PacketBus } from "./packet-bus.ts"
import { StepFailure } from "./packet.ts"
import type { RelayHistories } from "./relay-histories.ts"
import type { PlainStep } from "./scenario.ts"
import type { World } from "./world.ts"

type BusFault = Extract<
  PlainStep,
  {
    readonly type:
      | "omit_message"
      | "duplicate_message"
      | "withhold_message"
      | "release_withheld"
      | "reorder_messages"
      | "set_partition"
      | "clear_partition"
  }
>
type RelayControl = Extract<
  PlainStep,
  {
    readonly type:
      | "set_client_offline"
      | "reconnect_client"
      | "sync_relay_history"
      | "configure_relay"
      | "set_relay_event_visibility"
      | "reconcile_relay_histories"
  }
>
type ProcessFault = Extract<
  PlainStep,
  {
    readonly type:
      "crash_process" | "restart_process" | "inject_storage_fault" | "clear_storage_fault"
  }
>

/** Throws `StepFailure` where the scenario's transport has no such thing. */
export function disturb(world: World, step: BusFault | RelayControl | ProcessFault): void {
  switch (step.type) {
    case "set_client_offline":
    case "reconnect_client":
    case "sync_relay_history":
    case "configure_relay":
    case "set_relay_event_visibility":
    case "reconcile_relay_histories":
      if (world.relays === undefined) throw unsupported(step.type)
      controlRelays(world.relays, step)
      break
    case "crash_process":
    case "restart_process":
    case "inject_storage_fault":
    case "clear_storage_fault":
      throw unsupported(step.type)
    default:
      if (world.bus === undefined) throw unsupported(step.type)
      disturbBus(world.bus, step)
  }
}

function disturbBus(bus: PacketBus, step: BusFault): void {
  switch (step.type) {
    case "omit_message":
      bus.omit(step.selector)
      break
    case "duplicate_message":
      bus.duplicate(step.selector)
      break
    case "withhold_message":
      bus.withhold(step.selector, step.label)
      break
    case "release_withheld":
      bus.release(step.label)
      break
    case "reorder_messages":
      bus.reorder(step.order)
      break
    case "set_partition":
      bus.setPartition(step.allow)
      break
    case "clear_partition":
      bus.setPartition(undefined)
  }
}

function controlRelays(relays: RelayHistories, step: RelayControl): void {
  switch (step.type) {
    case "set_client_offline":
      relays.setOnline(step.client, false)
      break
    case "reconnect_client":
      relays.setOnline(step.client, true)
      break
    case "sync_relay_history":
      for (const client of step.clients) relays.sync(client, step.sync)
      break
    case "configure_relay":
      relays.configure(step.relay, step.order, step.duplicate_copies)
      break
    case "set_relay_event_visibility":
      relays.setVisible(step.relay, step.selector, step)
      break
    case "reconcile_relay_histories":
      relays.reconcile(step.relays)
  }
}

function unsupported(type: string): StepFailure {
  return new StepFailure("unsupported_step", `${type} is not possible on this transport`)
}
