// Marmot component 0x800c, marmot.group.lifecycle.v1: active, or disbanded for good.

import { MarmotError } from "../error.ts"
import { componentCodec } from "./codec.ts"

export type LifecycleState = "active" | "disbanded"

const STATES: readonly LifecycleState[] = ["active", "disbanded"]

const codec = componentCodec<LifecycleState>(
  "group lifecycle",
  (writer, state) => writer.u8(STATES.indexOf(state)),
  (reader) => {
    const state = STATES[reader.u8()]
    if (state === undefined) throw new MarmotError("invalid_component", "no lifecycle state")
    return state
  },
)

export const encodeGroupLifecycle = codec.encode
export const decodeGroupLifecycle = codec.decode
