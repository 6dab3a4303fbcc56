// npm run bench:hostile: what the worst messages of 64 KB that we know of cost, in time and memory, on both back ends; and
// beside the one whose cost the RFC asks for, what its signatures alone cost.

import { ed25519 } from "@noble/curves/ed25519.js"
import { groupOf, testContext } from "../../src/mls/group.fixture.ts"
import { allocatedBy } from "../../src/mls/heap.fixture.ts"
import { MlsError } from "../../src/mls/error.ts"
import {
  fromMembers,
  fromOutside,
  leafOfManyExtensions,
} from "../../src/mls/hostile-size.fixture.ts"
import type { KeyPackage } from "../../src/mls/key-package.ts"
import { decodeMlsMessage } from "../../src/mls/message.ts"
import { processMessage } from "../../src/mls/process.ts"
import { contentTypes, proposalTypes, wireFormats } from "../../src/mls/registry.ts"
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
const alone: Readonly<Record<"webcrypto" | "noble", (signed: readonly Signed[][]) => unknown>> = {
  webcrypto: verifyNatively,
  noble: (signed) => {
    for (const { publicKey, content, signature } of signed.flat()) {
      if (ed25519.verify(signature, content, publicKey, { zip215: false })) continue
      throw new Error("a key package is not rightly signed")
    }
  },
}

const costs: Cost[] = []
const ratios: string[] = []
for (const [title, read] of Object.entries(fromOutside)) costs.push(await measured(title, read))
for (const backend of ["webcrypto", "noble"] as const) {
  const ctx = await testContext(backend)
  const [attacker, victim] = await groupOf(ctx, ["attacker", "victim"])
  if (attacker === undefined || victim === undefined) throw new Error("two members")
  for (const { title, commit } of fromMembers) {
    const message = await commit(ctx, attacker)
    const run = () => processMessage(ctx, victim, message)
    const whole = await measured(`${backend}: a commit with ${title}`, run)
    costs.push(whole)
    const signed = bothSignatures(addedBy(message))
    if (signed.length === 0) continue
    const floorTitle = `${backend}: its ${2 * signed.length} signatures alone`
    const floor = await measured(floorTitle, () => alone[backend](signed))
    costs.push(floor)
    ratios.push(
      `${backend}: ${whole.title.slice(backend.length + 2)}: ` +
        `${(whole.first / floor.first).toFixed(2)} × its signatures at first, ` +
        `${(whole.next / floor.next).toFixed(2)} × later`,
    )
  }
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
  const refused = async () => {
    try {
      await run()
    } catch (error) {
      if (!(error instanceof MlsError)) throw error
    }
  }
  const first = await timed(refused)
  const next: number[] = []
  for (let i = 0; i < REPEATS; i++) next.push(await timed(refused))
  next.sort((a, b) => a - b)
  const megabytes = (await allocatedBy(refused)) / 2 ** 20
  return { title, first, next: next[Math.floor(REPEATS / 2)] ?? 0, megabytes }
}

async function timed(run: () => Promise<void>): Promise<number> {
  const start = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}
