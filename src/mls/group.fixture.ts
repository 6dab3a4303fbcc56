// Clients and groups for the tests of this folder.

import { createHash } from "node:crypto"
import { createCrypto } from "./backend.ts"
import type { MlsCrypto } from "./crypto.ts"
import type { Extension } from "./extensions.ts"
import { encodeRequiredCapabilities } from "./extensions.ts"
import { encode } from "./codec.ts"
import { MlsError } from "./error.ts"
import type { GroupState, MlsContext, Processed } from "./group-types.ts"
import { type OwnKeyPackage, generateKeyPackage } from "./key-package.ts"
import type { Capabilities } from "./leaf-node.ts"
import type { Proposal } from "./proposal-codec.ts"
import { extensionTypes, proposalTypes } from "./registry.ts"
import { cipherSuite } from "./suites.ts"
import { createCommit } from "./commit-create.ts"
import { createGroup } from "./group.ts"
import { joinGroup } from "./welcome.ts"
import { processMessage } from "./process.ts"

export const NOW = 1_700_000_000
export const backends = ["webcrypto", "noble"] as const
export type Backend = (typeof backends)[number]

/** Deterministic "random" bytes, so that a failing session can be run again. */
export function seededRandom(seed: string): (length: number) => Uint8Array {
  let counter = 0
  return (length) => {
    const blocks: Buffer[] = []
    for (let have = 0; have < length; have += 32) {
      blocks.push(createHash("sha256").update(`${seed}/${counter++}`).digest())
    }
    return new Uint8Array(Buffer.concat(blocks).subarray(0, length))
  }
}

export async function testContext(backend: Backend, seed?: string): Promise<MlsContext> {
  const suite = cipherSuite(1)
  const crypto = await createCrypto({ suite, backend, ...(seed && { random: seededRandom(seed) }) })
  return { crypto, now: NOW }
}

export const capabilities: Capabilities = {
  versions: [1],
  cipherSuites: [1],
  extensions: [extensionTypes.appDataDictionary],
  proposals: [proposalTypes.appDataUpdate, proposalTypes.appEphemeral, proposalTypes.selfRemove],
  credentials: [1],
}

export interface KeyPackageChanges {
  readonly capabilities?: Capabilities
  readonly leafExtensions?: readonly Extension[]
  readonly extensions?: readonly Extension[]
  readonly signatureKeyPair?: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }
  readonly lifetime?: { readonly notBefore: bigint; readonly notAfter: bigint }
}

export function keyPackageOf(
  crypto: MlsCrypto,
  name: string,
  changes: KeyPackageChanges = {},
): Promise<OwnKeyPackage> {
  return generateKeyPackage(crypto, {
    credential: { kind: "basic", identity: new TextEncoder().encode(name) },
    capabilities,
    lifetime: { notBefore: BigInt(NOW - 3600), notAfter: BigInt(NOW + 86_400) },
    ...changes,
  })
}

/** required_capabilities of the kind that Marmot groups have. */
export const required: Extension = {
  type: extensionTypes.requiredCapabilities,
  data: encode(encodeRequiredCapabilities, {
    extensions: [extensionTypes.appDataDictionary],
    proposals: [proposalTypes.appDataUpdate, proposalTypes.selfRemove],
    credentials: [],
  }),
}

export const add = (own: OwnKeyPackage): Proposal => ({
  proposalType: proposalTypes.add,
  keyPackage: own.keyPackage,
})

/** A group whose members have these names, in leaf order; the first one made it. */
export async function groupOf(
  ctx: MlsContext,
  names: readonly string[],
  extensions: readonly Extension[] = [],
): Promise<GroupState[]> {
  const packages = await Promise.all(names.map((name) => keyPackageOf(ctx.crypto, name)))
  const [founder, ...others] = packages
  if (founder === undefined) throw new Error("a group needs a founder")
  const groupId = new TextEncoder().encode("group")
  const state = await createGroup(ctx, { groupId, keyPackage: founder, extensions })
  if (others.length === 0) return [state]
  const { next, welcome } = await createCommit(ctx, state, { proposals: others.map(add) })
  if (welcome === undefined) throw new Error("no welcome")
  const joined = await Promise.all(
    others.map(async (own) => (await joinGroup(ctx, { welcome, keyPackages: [own] })).state),
  )
  return [next, ...joined]
}

/** The successor after a commit; fails unless it is one. */
export async function afterCommit(
  ctx: MlsContext,
  state: GroupState,
  message: Uint8Array,
): Promise<GroupState> {
  const { kind, ...rest } = await processMessage(ctx, state, message)
  if (kind !== "commit" || !("next" in rest) || rest.next === undefined) {
    throw new Error(`a commit was expected, not ${kind}`)
  }
  return rest.next
}

/** The code of the `MlsError` that `run` fails with. Anything else that is thrown fails the test. */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof MlsError) return error.code
    throw error
  }
  return "nothing thrown"
}

export type { Processed }
