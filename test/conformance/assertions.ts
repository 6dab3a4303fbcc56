// Scenario IR, assert: conditions that hold at a step, by a time, or never within one.

import { isDeepStrictEqual } from "node:util"
import { summary } from "../../src/marmot/group-view.ts"
import { exactly } from "./observe.ts"
import { StepFailure } from "./packet.ts"
import { progressOf } from "./progress.ts"
import type { Assertion, Predicate } from "./scenario.ts"
import { readableFacts } from "./snapshot.ts"
import type { World } from "./world.ts"

/** Throws `StepFailure` `assertion_failed`. */
export async function check(world: World, assertion: Assertion): Promise<void> {
  if (await holds(world, assertion)) return
  throw new StepFailure("assertion_failed", `does not hold: ${JSON.stringify(assertion)}`)
}

async function holds(world: World, assertion: Assertion): Promise<boolean> {
  switch (assertion.mode) {
    case "exactly":
      return isTrue(world, assertion.predicate)
    case "eventually":
      for (let i = 0; !isTrue(world, assertion.predicate); i++) {
        if (i === assertion.max_iterations || isStill(world)) return false
        await tickAll(world)
      }
      return true
    case "within":
      return comesTrue(world, assertion.predicate, assertion.timeout_ms, assertion.poll_interval_ms)
    case "never": {
      const { predicate, duration_ms, poll_interval_ms } = assertion
      return !(await comesTrue(world, predicate, duration_ms, poll_interval_ms))
    }
    case "resource":
      return compare(world, assertion)
  }
}

/** Looks now and at every poll until the time is over. */
async function comesTrue(
  world: World,
  predicate: Predicate,
  duration: number,
  interval: number,
): Promise<boolean> {
  world.virtual = true
  const end = world.now + duration
  while (!isTrue(world, predicate)) {
    if (world.now >= end) return false
    const polls = Math.max(1, Math.ceil((nextMove(world) - world.now) / interval))
    world.now = Math.min(end, world.now + polls * interval)
    await tickAll(world)
  }
  return true
}

/** When the next tick can change something (milliseconds): polls before that see what the last one saw. */
function nextMove(world: World): number {
  if (world.transport.underWay().mailboxes > 0) return world.now
  return Math.min(...world.participants.map(({ wake }) => wake ?? Infinity))
}

/** No tick changes anything before time passes. */
function isStill(world: World): boolean {
  return nextMove(world) > (world.virtual ? world.now : Number.MAX_VALUE)
}

async function tickAll(world: World): Promise<void> {
  for (const client of world.participants) await world.tick(client)
}

function isTrue(world: World, predicate: Predicate): boolean {
  switch (predicate.type) {
    case "client_state": {
      const { group } = world.participant(predicate.client)
      const { epoch, member_count } = predicate
      return (
        (epoch === undefined || summary(group).epoch === epoch) &&
        (member_count === undefined || readableFacts(group).leaves.length === member_count)
      )
    }
    case "payload_count": {
      const { payloads } = world.participant(predicate.client).window
      return payloads.filter((each) => each === predicate.payload).length === predicate.count
    }
    case "clients_exactly_equivalent": {
      const states = predicate.clients.map(
        (client) => exactly(world, world.participant(client)).canonical,
      )
      return states.every((state) => isDeepStrictEqual(state, states[0]))
    }
    case "no_pending_work":
      return predicate.clients.every(
        (client) => exactly(world, world.participant(client)).pendingWork.length === 0,
      )
  }
}

function compare(world: World, assertion: Assertion & { readonly mode: "resource" }): boolean {
  const progress = progressOf(world)
  const actual = {
    runnable_work: progress.runnable + progress.queued + progress.mailboxes,
    deferred_retry_work: progress.deferred,
    outbound_awaiting_acknowledgement: progress.unanswered,
    transport_queued_messages: progress.queued,
    transport_delayed_messages: progress.delayed,
    transport_mailbox_messages: progress.mailboxes,
    scenario_inputs_pending: progress.deferred,
  }[assertion.metric]
  switch (assertion.comparison) {
    case "equal":
      return actual === assertion.value
    case "less_than_or_equal":
      return actual <= assertion.value
    case "greater_than_or_equal":
      return actual >= assertion.value
  }
}
