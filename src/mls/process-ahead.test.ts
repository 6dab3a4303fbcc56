// RFC 9420 §6.3: messages that are opened side by side are those that would be opened one after the other.

import { describe, expect, test } from "vitest"
import { createCommit } from "./commit-create.ts"
import { MlsError } from "./error.ts"
import { backends, forgeMessage, groupOf, stored, testContext } from "./group.fixture.ts"
import { encryptApplication } from "./group.ts"
import type { GroupState, MlsContext, ProcessedApplication } from "./group-types.ts"
import { processAhead, processMessage } from "./process.ts"
import { contentTypes } from "./registry.ts"

const gist = ({ state, data, sender }: ProcessedApplication) => {
  const { epoch, messageKeys } = stored(state)
  return { epoch, messageKeys, data, sender }
}

/** One after the other, up to the first that is refused or no application message. */
async function inTurn(ctx: MlsContext, state: GroupState, messages: readonly Uint8Array[]) {
  const results: ProcessedApplication[] = []
  for (const message of messages) {
    try {
      const processed = await processMessage(ctx, state, message)
      if (processed.kind !== "application") break
      results.push(processed)
      state = processed.state
    } catch (error) {
      if (!(error instanceof MlsError)) throw error
      break
    }
  }
  return results
}

async function conversation(ctx: MlsContext) {
  const [reader, ...writers] = await groupOf(ctx, ["reader", "one", "two"])
  if (reader === undefined) throw new Error("no group")
  const states = [...writers]
  const messages: Uint8Array[] = []
  for (let i = 0; i < 12; i++) {
    const at = i % 3 === 0 ? 0 : 1
    const state = states[at]
    if (state === undefined) throw new Error("no writer")
    const sent = await encryptApplication(ctx, state, Uint8Array.of(i))
    states[at] = sent.state
    messages.push(sent.message)
  }
  return { reader, writer: writers[0] ?? reader, messages }
}

describe.each(backends)("messages ahead of their turn, %s", (backend) => {
  test("in order, out of order and with gaps: the same data and the same successors", async () => {
    const ctx = await testContext(backend)
    const { reader, messages } = await conversation(ctx)
    const orders = [messages, [...messages].reverse(), messages.filter((_, i) => i % 2 === 0), []]
    for (const given of orders) {
      const before = stored(reader)
      const results = await processAhead(ctx, reader, given)
      expect(results).toHaveLength(given.length)
      expect(results.map(gist)).toEqual((await inTurn(ctx, reader, given)).map(gist))
      // What it started from still opens everything.
      expect(stored(reader)).toEqual(before)
    }
  })

  test("it ends before what is refused, and before what is no application message", async () => {
    const ctx = await testContext(backend)
    const { reader, writer, messages } = await conversation(ctx)
    const [first, second, third] = messages
    if (first === undefined || second === undefined || third === undefined) throw new Error("few")
    const body = { contentType: contentTypes.application, applicationData: Uint8Array.of(1) }
    const unsigned = { body, wireFormat: "private" } as const
    const { privateKey } = await ctx.crypto.generateSignatureKeyPair()
    const bad: Record<string, Uint8Array> = {
      "a copy": first,
      "a ciphertext that was damaged": second.with(-1, (second.at(-1) ?? 0) ^ 1),
      "another key's signature": await forgeMessage(ctx, writer, {
        ...unsigned,
        signaturePrivateKey: privateKey,
      }),
      "another epoch": await forgeMessage(ctx, writer, { ...unsigned, epoch: 9n }),
      garbage: Uint8Array.of(1, 2, 3),
      "a Commit": (await createCommit(ctx, writer, { proposals: [] })).commit,
    }
    for (const [name, message] of Object.entries(bad)) {
      // A forgery takes the place of the writer's first message.
      const good = messages.slice(1, 3)
      const given = [first, ...good, message, ...messages.slice(3)]
      const from = name.includes("signature") ? given.slice(1) : given
      const results = await processAhead(ctx, reader, from)
      expect(results.map(gist), name).toEqual((await inTurn(ctx, reader, from)).map(gist))
      expect(results.length, name).toBe(from.lastIndexOf(message))
    }
  })
})
