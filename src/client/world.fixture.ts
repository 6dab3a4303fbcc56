// Tests: a world without relays; a pool that answers as the test says.

import { finalizeEvent, generateSecretKey } from "../nostr/event.ts"
import type { NostrEvent } from "../nostr/event.ts"
import type { PublishResult } from "../nostr/pool.ts"
import type { Store } from "../store/index.ts"
import type { Timers, World } from "./ports.ts"

export const systemTimers: Timers = {
  setTimeout: (run, milliseconds) => setTimeout(run, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer),
}

export const accepted: PublishResult = { answered: true, accepted: true, message: "" }
export const refused: PublishResult = { answered: true, accepted: false, message: "blocked: no" }
export const unanswered: PublishResult = { answered: false, accepted: false, message: "offline" }

/** Records what is published and answers with what `answer` gives. */
export class FakePool {
  readonly published: { readonly url: string; readonly event: NostrEvent }[] = []
  answer: (url: string, event: NostrEvent) => PublishResult | Promise<PublishResult> = () =>
    accepted

  publish(url: string, event: NostrEvent): Promise<PublishResult> {
    this.published.push({ url, event })
    return Promise.resolve(this.answer(url, event))
  }
}

export function fakeWorld(store: Store, pool: FakePool): World {
  return {
    store,
    // The parts under test call `publish` and nothing else.
    pool: pool as unknown as World["pool"],
    crypto: {} as World["crypto"],
    engine: {} as World["engine"],
    timers: systemTimers,
    defaultRelays: [],
    log: () => undefined,
    now: () => Date.now(),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  }
}

export function someEvent(content = "x"): NostrEvent {
  const template = { created_at: 1_700_000_000, kind: 445, tags: [["h", "00".repeat(32)]], content }
  return finalizeEvent(template, generateSecretKey())
}

/** Waits until `condition` holds; fails loudly if it never does. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let round = 0; round < 2_000; round++) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error("the condition never held")
}
