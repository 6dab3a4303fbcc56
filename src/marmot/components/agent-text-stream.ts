// Marmot component 0x8006, marmot.group.agent-text-stream.quic.v1: the policy of agent text streams.

import { AGENT_STREAM_RECEIVE } from "../registry.ts"
import { componentCodec } from "./codec.ts"

export interface AgentTextStreamPolicy {
  /** Bits 01 receive, 02 send, 04 fan-out. */
  readonly requiredRoles: number
  readonly allowedRoles: number
  readonly maxPlaintextFrameLength: number
  readonly replayTtlSeconds: number
  readonly paddingBucketBytes: number
}

/** The capability marker that a leaf needs for each role bit. */
const ROLE_EXTENSIONS: ReadonlyMap<number, number> = new Map([
  [0x01, AGENT_STREAM_RECEIVE],
  [0x02, 0xf2d2],
  [0x04, 0xf2d4],
])

const KNOWN_ROLES = 0x07
const MAX_FRAME = 65_519
const MAX_TTL = 300
const MAX_PADDING = 4096

const codec = componentCodec<AgentTextStreamPolicy>(
  "agent text stream",
  (writer, state) => {
    writer.u8(state.requiredRoles)
    writer.u8(state.allowedRoles)
    writer.u32(state.maxPlaintextFrameLength)
    writer.u32(state.replayTtlSeconds)
    writer.u16(state.paddingBucketBytes)
  },
  (reader) => ({
    requiredRoles: reader.u8(),
    allowedRoles: reader.u8(),
    maxPlaintextFrameLength: reader.u32(),
    replayTtlSeconds: reader.u32(),
    paddingBucketBytes: reader.u16(),
  }),
  (state) => {
    const { requiredRoles, allowedRoles, maxPlaintextFrameLength: frame } = state
    if ((allowedRoles | requiredRoles) & ~KNOWN_ROLES) return "an unknown role"
    if (requiredRoles === 0 || requiredRoles & ~allowedRoles) return "roles that do not fit"
    if (frame < 1 || frame > MAX_FRAME) return "a frame length out of range"
    if (state.replayTtlSeconds > MAX_TTL) return "a replay time out of range"
    if (state.paddingBucketBytes > MAX_PADDING) return "a padding out of range"
    return undefined
  },
)

export const encodeAgentTextStream = codec.encode
export const decodeAgentTextStream = codec.decode

/** Extension types that every leaf must list because of the required roles. */
export function requiredRoleExtensions(policy: AgentTextStreamPolicy): number[] {
  return [...ROLE_EXTENSIONS]
    .filter(([bit]) => (policy.requiredRoles & bit) !== 0)
    .map(([, extension]) => extension)
}
