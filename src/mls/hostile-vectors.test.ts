// RFC 9420 §2.1, §6: every message of the official vectors cut short at every byte and with every byte changed, and what
// a live group, and one who joins it, does with damaged messages. `BURROW_HOSTILE=full`: all of them; else a sample.

import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { decode, encode } from "./codec.ts"
import { createCommit } from "./commit-create.ts"
import { MlsError } from "./error.ts"
import { joinByExternalCommit } from "./external.ts"
import { add, capabilities, groupOf, keyPackageOf, stored, testContext } from "./group.fixture.ts"
import { createProposal, encryptApplication } from "./group.ts"
import { exportGroupInfo } from "./group-info.ts"
import type { GroupState, MlsContext } from "./group-types.ts"
import type { OwnKeyPackage } from "./key-package.ts"
import { decodeMlsMessage, encodeMlsMessage } from "./message.ts"
import { processMessage } from "./process.ts"
import { decodeCommit, decodeProposal, encodeCommit, encodeProposal } from "./proposal-codec.ts"
import { decodeRatchetTree, encodeRatchetTree } from "./ratchet-tree-codec.ts"
import { proposalTypes } from "./registry.ts"
import { bytes, hex } from "./vectors.fixture.ts"
import { decodeGroupSecrets, encodeGroupSecrets } from "./welcome-codec.ts"
import { joinGroup } from "./welcome.ts"

const full = process.env["BURROW_HOSTILE"] === "full"
/** All of them take twenty minutes; one kind, as long as six. */
const patience = full ? { timeout: 3_600_000 } : {}

type Again = (input: Uint8Array) => Uint8Array
const message: Again = (input) => encodeMlsMessage(decodeMlsMessage(input))
const commit: Again = (input) => encode(encodeCommit, decode(decodeCommit, input))
const tree: Again = (input) => encodeRatchetTree(decodeRatchetTree(input))
const groupSecrets: Again = (input) => encode(encodeGroupSecrets, decode(decodeGroupSecrets, input))
/** The vectors hold the structures without their types. */
const proposal =
  (type: number): Again =>
  (input) => {
    const whole = Uint8Array.from([type >> 8, type & 0xff, ...input])
    return encode(encodeProposal, decode(decodeProposal, whole)).slice(2)
  }

const KINDS: Readonly<Record<string, Again>> = {
  mls_welcome: message,
  mls_group_info: message,
  mls_key_package: message,
  ratchet_tree: tree,
  group_secrets: groupSecrets,
  add_proposal: proposal(proposalTypes.add),
  update_proposal: proposal(proposalTypes.update),
  remove_proposal: proposal(proposalTypes.remove),
  pre_shared_key_proposal: proposal(proposalTypes.psk),
  re_init_proposal: proposal(proposalTypes.reinit),
  external_init_proposal: proposal(proposalTypes.externalInit),
  group_context_extensions_proposal: proposal(proposalTypes.groupContextExtensions),
  commit,
  public_message_application: message,
  public_message_proposal: message,
  public_message_commit: message,
  private_message: message,
}

/** An `MlsError`, or the very bytes. Plain code: it runs a hundred thousand times. */
function refusedOrEqual(input: Uint8Array, again: Again): void {
  let output: Uint8Array
  try {
    output = again(input)
  } catch (error) {
    if (error instanceof MlsError) return
    throw error
  }
  if (hex(output) !== hex(input)) throw new Error(`${hex(input)} became ${hex(output)}`)
}

withShared<Readonly<Record<string, string>>[]>("vectors/mls/messages.json", (vectors) => {
  test("messages.json has these kinds of messages", () => {
    expect(Object.keys(vectors[0] ?? {}).sort()).toEqual(Object.keys(KINDS).sort())
  })

  test.each(Object.entries(KINDS))(
    "messages: %s cut short and changed at every byte",
    patience,
    (name, again) => {
      for (const vector of vectors.slice(0, full ? vectors.length : 1)) {
        const whole = bytes(vector[name] ?? "")
        expect(hex(again(whole))).toBe(hex(whole))
        for (let at = 0; at < whole.length; at++) {
          refusedOrEqual(whole.subarray(0, at), again)
          const byte = whole[at] ?? 0
          for (const mask of full ? [1, 2, 4, 8, 16, 32, 64, 128, 255] : [1, 128, 255]) {
            refusedOrEqual(whole.with(at, byte ^ mask), again)
          }
        }
      }
    },
  )
})

interface Live {
  readonly ctx: MlsContext
  readonly alice: GroupState
  readonly bob: GroupState
  /** To be added. */
  readonly carol: OwnKeyPackage
}

async function start(): Promise<Live> {
  const ctx = await testContext("webcrypto")
  const [alice, bob] = await groupOf(ctx, ["alice", "bob"])
  if (alice === undefined || bob === undefined) throw new Error("two members")
  return { ctx, alice, bob, carol: await keyPackageOf(ctx.crypto, "carol") }
}

function storedHex(state: GroupState): string[] {
  const { epoch, messageKeys } = stored(state)
  return [hex(epoch), hex(messageKeys)]
}

describe("a live group", patience, () => {
  let made: Promise<Live> | undefined
  const live = () => (made ??= start())

  /** Whatever is done to the message, it is refused with an `MlsError`, and no value that was given has changed. */
  async function refused(whole: Uint8Array, use: (input: Uint8Array) => Promise<unknown>) {
    const { alice, bob } = await live()
    const snapshot = () => [alice, bob].map(storedHex)
    const before = snapshot()
    const step = full ? 1 : Math.ceil(whole.length / 40)
    for (let at = 0; at < whole.length; at += step) {
      const changed = whole.with(at, (whole[at] ?? 0) ^ (at % 2 === 0 ? 1 : 255))
      await expect(use(changed), `byte ${at} changed`).rejects.toBeInstanceOf(MlsError)
      await expect(use(whole.subarray(0, at)), `cut at ${at}`).rejects.toBeInstanceOf(MlsError)
    }
    expect(snapshot()).toEqual(before)
    await use(whole)
    expect(snapshot()).toEqual(before)
  }

  test.each(["public", "private"] as const)("gets damaged commits, %s", async (wireFormat) => {
    const { ctx, alice, bob, carol } = await live()
    const { commit: message } = await createCommit(ctx, alice, {
      wireFormat,
      proposals: [add(carol)],
      forcePath: true,
    })
    await refused(message, (input) => processMessage(ctx, bob, input))
  })

  test.each(["public", "private"] as const)("gets damaged proposals, %s", async (wireFormat) => {
    const { ctx, alice, bob } = await live()
    const remove = { proposalType: proposalTypes.remove, removed: 1 }
    const { message } = await createProposal(ctx, alice, remove, { wireFormat })
    await refused(message, (input) => processMessage(ctx, bob, input))
  })

  test("gets damaged application messages", async () => {
    const { ctx, alice, bob } = await live()
    const { message } = await encryptApplication(ctx, alice, new Uint8Array(20))
    await refused(message, (input) => processMessage(ctx, bob, input))
  })

  test("is joined with a damaged Welcome", async () => {
    const { ctx, alice, carol } = await live()
    const { welcome } = await createCommit(ctx, alice, { proposals: [add(carol)] })
    if (welcome === undefined) throw new Error("no welcome")
    await refused(welcome, (input) => joinGroup(ctx, { welcome: input, keyPackages: [carol] }))
  })

  test("is joined with a damaged GroupInfo", async () => {
    const { ctx, alice, carol } = await live()
    const signatureKeyPair = await ctx.crypto.generateSignatureKeyPair()
    const { credential } = carol.keyPackage.leafNode
    const groupInfo = await exportGroupInfo(ctx, alice, { externalPub: true, ratchetTree: true })
    await refused(groupInfo, (input) =>
      joinByExternalCommit(ctx, { groupInfo: input, credential, capabilities, signatureKeyPair }),
    )
  })
})
