// Marmot group messaging: an application event becomes a kind 445 event of the canonical epoch.

import { sha256 } from "@noble/hashes/sha2.js"
import { encryptApplication } from "../mls/index.ts"
import { bytesToHex, type NostrEvent } from "../nostr/event.ts"
import { encodeAppEvent } from "./app-event.ts"
import type { AppRecord, Intent } from "./engine-types.ts"
import { eventKey } from "./event-key.ts"
import { factsOf, routeOf } from "./group-facts.ts"
import { sealGroupEvent } from "./group-event.ts"
import { IntentRefused } from "./intent-refused.ts"
import { resent } from "./resend.ts"
import { deadlineOf, expirationOf } from "./retention.ts"
import { deliver, putApp } from "./settle.ts"
import type { Transition } from "./transition.ts"

/** Encrypts at the tip; the outer event bears the inner one's time (marmot-wire §7.3). */
export async function send(t: Transition, intent: Intent & { type: "send" }): Promise<void> {
  const { tip } = t
  if (tip.mls === undefined || t.group.leaving !== undefined) {
    throw new IntentRefused("not_active", "you are leaving this group")
  }
  if (intent.mediaState !== undefined && intent.mediaState !== tip.id) {
    throw new IntentRefused("media_outdated", "the group has changed since its files were sealed")
  }
  const encrypted = await encryptApplication(t.mls, tip.mls, encodeAppEvent(intent.event))
  t.putState({ ...tip, mls: encrypted.state })
  const createdAt = intent.event.created_at
  const { retention } = factsOf(tip.mls)
  const expiration = expirationOf(createdAt, retention)
  const event = sealForGroup(t, encrypted.message, {
    createdAt,
    ...(expiration === undefined ? {} : { expiration }),
  })
  const app: AppRecord = {
    messageId: bytesToHex(sha256(encrypted.message)),
    stateId: tip.id,
    epoch: tip.epoch,
    account: t.group.device.pubkey,
    innerId: intent.event.id,
    event: intent.event,
    expiresAt: deadlineOf({ createdAt, retention, receivedAt: t.env.now, isNews: false }),
    shown: "held",
    own: true,
    unacknowledged: event.id,
    ...(intent.repeats !== undefined && { repeats: intent.repeats }),
  }
  resent(t, intent.intentId, intent.event.id)
  putApp(t, app)
  deliver(t, app)
  const { relays } = routeOf(tip.mls)
  t.emit({ type: "publish", purpose: "application", event, relays, innerId: intent.event.id })
  t.completeIntent(intent.intentId)
}

/** An MLSMessage under the tip's outer key and address, signed by a key that is used this once. */
export function sealForGroup(
  t: Transition,
  message: Uint8Array,
  times: { readonly createdAt: number; readonly expiration?: bigint },
): NostrEvent {
  const { mls } = t.tip
  if (mls === undefined) throw new IntentRefused("not_active", "you are no longer a member")
  return sealGroupEvent({
    key: eventKey(t.env.crypto, mls),
    message,
    nostrGroupId: routeOf(mls).nostrGroupId,
    random: t.env.random,
    ...times,
  })
}
