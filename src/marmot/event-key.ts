// Marmot Nostr transport: the outer key of kind 445, from the exporter of the message's source epoch.

import { exportSecret, type GroupState, type MlsCrypto } from "../mls/index.ts"
import { EXPORTER_LABEL, GROUP_EVENT_CONTEXT } from "./registry.ts"

/** By the epoch's secrets, which the states of one epoch share: they are tried for every event. */
const known = new WeakMap<GroupState["epochSecrets"], Uint8Array>()

/** `MLS-Exporter("marmot", "group-event", 32)`: 32 bytes, used directly as a ChaCha20-Poly1305 key. */
export function eventKey(crypto: MlsCrypto, state: GroupState): Uint8Array {
  const cached = known.get(state.epochSecrets)
  if (cached !== undefined) return cached
  const key = exportSecret(crypto, state, EXPORTER_LABEL, GROUP_EVENT_CONTEXT, 32)
  known.set(state.epochSecrets, key)
  return key
}

/** The state's outer key, if it was ever asked for. */
export function knownEventKeys(state: GroupState): Uint8Array[] {
  const cached = known.get(state.epochSecrets)
  return cached === undefined ? [] : [cached]
}
