import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { hexToBytes } from "../../nostr/event.ts"
import { codeOf } from "../device.fixture.ts"
import { MarmotError } from "../error.ts"
import { decodeAdminPolicy, encodeAdminPolicy } from "./admin-policy.ts"
import { decodeAgentTextStream, encodeAgentTextStream } from "./agent-text-stream.ts"
import { decodeAvatarUrl, encodeAvatarUrl } from "./avatar-url.ts"
import { decodeBlossomImage, encodeBlossomImage } from "./blossom-image.ts"
import { decodeEncryptedMedia, encodeEncryptedMedia } from "./encrypted-media.ts"
import { decodeGroupLifecycle, encodeGroupLifecycle } from "./group-lifecycle.ts"
import { decodeGroupProfile, encodeGroupProfile } from "./group-profile.ts"
import { validateGroupComponent } from "./index.ts"
import { decodeMessageRetention, encodeMessageRetention } from "./message-retention.ts"
import { decodeNostrRouting, encodeNostrRouting } from "./nostr-routing.ts"

describe("the table of components", () => {
  const known = [0x8001, 0x8002, 0x8003, 0x8004, 0x8005, 0x8006, 0x8007, 0x8008, 0x800b, 0x800c]

  test.each(known)("0x%i is validated", (id) => {
    expect(codeOf(() => validateGroupComponent(id, hexToBytes("ff")))).toBe("invalid_component")
  })

  test("an identity proof is no state of a group", () => {
    const code = codeOf(() => validateGroupComponent(0x8009, new Uint8Array(104)))
    expect(code).toBe("invalid_component")
  })

  test("unknown components are not judged", () => {
    for (const id of [0x0001, 0x800a, 0x800f, 0xffff]) {
      expect(() => validateGroupComponent(id, hexToBytes("ff"))).not.toThrow()
    }
  })

  test("random bytes are refused by a typed error, or are the canonical form of a state", () => {
    const codecs = [
      [decodeGroupProfile, encodeGroupProfile],
      [decodeBlossomImage, encodeBlossomImage],
      [decodeAdminPolicy, encodeAdminPolicy],
      [decodeNostrRouting, encodeNostrRouting],
      [decodeMessageRetention, encodeMessageRetention],
      [decodeAgentTextStream, encodeAgentTextStream],
      [decodeAvatarUrl, encodeAvatarUrl],
      [decodeEncryptedMedia, encodeEncryptedMedia],
      [decodeGroupLifecycle, encodeGroupLifecycle],
    ] as const
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc
        .array(fc.constantFrom(0, 1, 2, 3, 0x20, 0x40, 0x61), { maxLength: 40 })
        .map((items) => new Uint8Array(items)),
    )
    let accepted = 0
    fc.assert(
      fc.property(bytes, (input) => {
        for (const [read, write] of codecs) {
          try {
            const state = read(input) as never
            accepted++
            expect(write(state)).toEqual(input)
          } catch (error) {
            expect(error).toBeInstanceOf(MarmotError)
          }
        }
      }),
      { numRuns: 500 },
    )
    expect(accepted).toBeGreaterThan(0)
  })
})
