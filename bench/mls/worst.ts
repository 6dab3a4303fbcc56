// What the worst messages of 64 KB that we know of cost who reads them, and beside those whose cost the RFC asks for, what
// their signatures or hashes alone cost. Chromium's page and Node both run this.

import type { MlsCrypto } from "../../src/mls/crypto.ts"
import { MlsError } from "../../src/mls/error.ts"
import { type Backend, groupOf, testContext } from "../../src/mls/group.fixture.ts"
import {
  blankGroup,
  fromMembers,
  fromOutside,
  leafOfManyExtensions,
} from "../../src/mls/hostile-size.fixture.ts"
import type { KeyPackage } from "../../src/mls/key-package.ts"
import { decodeMlsMessage } from "../../src/mls/message.ts"
import { ed25519BackEnd } from "../../src/mls/noble-25519.ts"
import { processMessage } from "../../src/mls/process.ts"
import { inspectGroup } from "../../src/mls/public-group.ts"
import { contentTypes, proposalTypes, wireFormats } from "../../src/mls/registry.ts"
import { median } from "../median.ts"
import { type Signed, bothSignatures, verifyNatively } from "./floor.ts"
import { type Clock, timedBy } from "./subject.ts"

const REPEATS = 5

export interface Cost {
  readonly title: string
  /** Milliseconds: of the first time, and the median of the next. */
  readonly first: number
  readonly next: number
  /** Allocated in all; `undefined` where the engine does not tell. */
  readonly megabytes: number | undefined
}

/** One message beside the operations alone that the RFC asks of who reads it: medians in milliseconds. */
export interface Beside {
  readonly title: string
  readonly operations: string
  readonly whole: number
  readonly alone: number
}

export interface Worst {
  readonly costs: readonly Cost[]
  readonly beside: readonly Beside[]
}

export interface Meters {
  readonly clock: Clock
  /** Bytes that `run` allocates. */
  readonly allocated?: (run: () => Promise<void>) => Promise<number>
}

/** What is refused must be refused with an `MlsError`; throws anything else. */
export async function measureWorst(backends: readonly Backend[], meters: Meters): Promise<Worst> {
  const costs: Cost[] = []
  const beside: Beside[] = []
  const take = async (title: string, run: () => unknown) => {
    costs.push(await costOf(title, () => refused(run), meters))
  }
  const compare = async (title: string, run: () => unknown, operations: Operations) => {
    const medians = await byTurns(meters.clock, () => refused(run), operations.alone)
    beside.push({ title, operations: operations.title, ...medians })
  }
  for (const [title, read] of Object.entries(fromOutside)) await take(title, read)
  for (const backend of backends) {
    const ctx = await testContext(backend)
    for (const { title, commit, groupExtensions } of fromMembers) {
      const [attacker, victim] = await groupOf(ctx, ["attacker", "victim"], groupExtensions)
      if (attacker === undefined || victim === undefined) throw new Error("two members")
      const message = await commit(ctx, attacker)
      const run = () => processMessage(ctx, victim, message)
      const named = `${backend}: a commit with ${title}`
      await take(named, run)
      const signed = bothSignatures(addedBy(message))
      if (signed.length === 0) continue
      const signatures = `${2 * signed.length} signatures`
      await compare(named, run, { title: signatures, alone: () => verifyAlone[backend](signed) })
    }
    const group = await blankGroup(ctx)
    const inspect = () => inspectGroup(ctx, group)
    await take(`${backend}: a group of 30,000 blank leaves`, inspect)
    await compare(`${backend}: a group of 30,000 blank leaves`, inspect, treeHashesOf(ctx.crypto))
    const leaf = await leafOfManyExtensions(ctx)
    await take(`${backend}: a KeyPackage with 10,000 extensions`, leaf)
  }
  return { costs, beside }
}

interface Operations {
  readonly title: string
  readonly alone: () => Promise<void>
}

/** As many hashes of inputs as long as the tree of blank leaves has (§7.8): of 6 bytes for a leaf, of 68 for a parent. */
function treeHashesOf(crypto: MlsCrypto): Operations {
  const leaves = 2 ** 15
  const [leaf, parent] = [new Uint8Array(6), new Uint8Array(68)]
  const alone = async () => {
    for (let i = 0; i < leaves; i++) crypto.hash(leaf)
    for (let i = 1; i < leaves; i++) crypto.hash(parent)
    return Promise.resolve()
  }
  return { title: `${2 * leaves - 1} hashes`, alone }
}

/** As many signatures alone, by back end. */
const verifyAlone: Readonly<Record<Backend, (signed: Signed[][]) => Promise<void>>> = {
  webcrypto: verifyNatively,
  async noble(signed) {
    for (const { publicKey, content, signature } of signed.flat()) {
      if (await ed25519BackEnd.verify(publicKey, content, signature)) continue
      throw new Error("a key package is not rightly signed")
    }
  },
}

/** The KeyPackages that a commit adds by value. */
function addedBy(commit: Uint8Array): KeyPackage[] {
  const message = decodeMlsMessage(commit)
  if (message.wireFormat !== wireFormats.publicMessage) return []
  const { content } = message.publicMessage
  if (content.contentType !== contentTypes.commit) return []
  return content.commit.proposals.flatMap((item) =>
    item.kind === "proposal" && item.proposal.proposalType === proposalTypes.add
      ? [item.proposal.keyPackage]
      : [],
  )
}

async function costOf(title: string, run: () => Promise<void>, meters: Meters): Promise<Cost> {
  const first = await timed(meters.clock, run)
  const next: number[] = []
  for (let i = 0; i < REPEATS; i++) next.push(await timed(meters.clock, run))
  const bytes = await meters.allocated?.(run)
  return { title, first, next: median(next), megabytes: bytes && bytes / 2 ** 20 }
}

/** Medians of both, when the engine has compiled what either needs. */
async function byTurns(
  clock: Clock,
  whole: () => Promise<void>,
  alone: () => Promise<void>,
): Promise<Pick<Beside, "whole" | "alone">> {
  const times: number[] = []
  const others: number[] = []
  for (let i = 0; i < 2 * REPEATS; i++) {
    others.push(await timed(clock, alone))
    times.push(await timed(clock, whole))
  }
  return { whole: median(times), alone: median(others) }
}

async function refused(run: () => unknown): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof MlsError)) throw error
  }
}

async function timed(clock: Clock, run: () => Promise<void>): Promise<number> {
  const [took] = await timedBy(clock, run)
  return took
}
