// npm run bench:hostile: what the worst messages of 64 KB that we know of cost, in time and memory, on both back ends; and
// beside the one whose cost the RFC asks for, what its signatures alone cost.

import { groupOf, testContext } from "../../src/mls/group.fixture.ts"
import { allocatedBy } from "../../src/mls/heap.fixture.ts"
import { MlsError } from "../../src/mls/error.ts"
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

const REPEATS = 5

interface Cost {
  readonly title: string
  /** Milliseconds of the processor, all threads: of the first time, and the median of the next. */
  readonly first: number
  readonly next: number
  readonly megabytes: number
}

/** As many signatures alone, by back end. */
const alone: Readonly<Record<"webcrypto" | "noble", (signed: Signed[][]) => Promise<void>>> = {
  webcrypto: verifyNatively,
  async noble(signed) {
    for (const { publicKey, content, signature } of signed.flat()) {
      if (await ed25519BackEnd.verify(publicKey, content, signature)) continue
      throw new Error("a key package is not rightly signed")
    }
  },
}

const costs: Cost[] = []
const ratios: string[] = []
for (const [title, read] of Object.entries(fromOutside)) costs.push(await measured(title, read))
for (const backend of ["webcrypto", "noble"] as const) {
  const ctx = await testContext(backend)
  for (const { title, commit, groupExtensions } of fromMembers) {
    const [attacker, victim] = await groupOf(ctx, ["attacker", "victim"], groupExtensions)
    if (attacker === undefined || victim === undefined) throw new Error("two members")
    const message = await commit(ctx, attacker)
    const run = () => processMessage(ctx, victim, message)
    costs.push(await measured(`${backend}: a commit with ${title}`, run))
    const signed = bothSignatures(addedBy(message))
    if (signed.length === 0) continue
    const [whole, floor] = await byTurns(run, () => alone[backend](signed))
    ratios.push(
      `${backend}: ${title}: ${whole.toFixed(0)} ms, its ${2 * signed.length} signatures alone ` +
        `${floor.toFixed(0)} ms: ${(whole / floor).toFixed(2)} ×`,
    )
  }
  const group = await blankGroup(ctx)
  costs.push(
    await measured(`${backend}: a group of 30,000 blank leaves`, () => inspectGroup(ctx, group)),
  )
  const leaf = await leafOfManyExtensions(ctx)
  costs.push(await measured(`${backend}: a KeyPackage with 10,000 extensions`, leaf))
}
for (const { title, first, next, megabytes } of costs) {
  const numbers = [first.toFixed(1), next.toFixed(1), megabytes.toFixed(1)]
  process.stdout.write(`| ${[title, ...numbers].join(" | ")} |\n`)
}
const worst = (of: (cost: Cost) => number) => Math.max(...costs.map(of)).toFixed(1)
for (const ratio of ratios) process.stdout.write(`${ratio}\n`)
process.stdout.write(
  `worst: ${worst(({ first }) => first)} ms at first, ${worst(({ next }) => next)} ms later, ` +
    `${worst(({ megabytes }) => megabytes)} MB\n`,
)

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

async function measured(title: string, run: () => unknown): Promise<Cost> {
  const read = () => refused(run)
  const first = await timed(read)
  const next: number[] = []
  for (let i = 0; i < REPEATS; i++) next.push(await timed(read))
  const megabytes = (await allocatedBy(read)) / 2 ** 20
  return { title, first, next: median(next), megabytes }
}

/** Medians of both, when the engine has compiled what either needs. */
async function byTurns(run: () => unknown, other: () => Promise<void>): Promise<[number, number]> {
  const times: number[] = []
  const others: number[] = []
  for (let i = 0; i < 2 * REPEATS; i++) {
    others.push(await timed(other))
    times.push(await timed(() => refused(run)))
  }
  return [median(times), median(others)]
}

/** What it refuses it refuses with an `MlsError`. */
async function refused(run: () => unknown): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof MlsError)) throw error
  }
}

async function timed(run: () => Promise<void>): Promise<number> {
  const start = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}
