// The measurements of one size: the peers take turns on the same work, so that a busy machine is as unfair to each.

import { median } from "../median.ts"
import { burrow } from "./burrow.ts"
import { verificationFloor } from "./floor.ts"
import { type Clock, type Subject, cpuTime, subject } from "./subject.ts"
import { tsMls } from "./ts-mls.ts"

export const peerNames = ["burrow", "ts-mls"] as const
export type PeerName = (typeof peerNames)[number]

/** What is timed. */
export const cells = [
  "buildMs",
  "joinMs",
  "commitFreshMs",
  "procFreshMs",
  "commitWarmMs",
  "procWarmMs",
  "encMs",
  "decMs",
] as const
export type Cell = (typeof cells)[number]

/** Medians in milliseconds. */
export interface Measured extends Readonly<Record<Cell, number>> {
  readonly peer: PeerName
  readonly n: number
  /** Of the same run: verifying one signature for each member, with WebCrypto alone. */
  readonly floorMs: number
  readonly welcomeBytes: number
  readonly commitFreshBytes: number
  readonly commitWarmBytes: number
  readonly messageBytes: number
}

export interface Plan {
  readonly peers: readonly PeerName[]
  readonly n: number
  /** Measures each operation once: for those who look at memory or at a profile. */
  readonly once?: boolean
  /** Asks for what bounds each of our own operations, in place of the peers' times. */
  readonly shares?: boolean
  /** CPU time of the process, where there is a way to ask for it (Node): the clock of a busy machine says little. */
  readonly cpu?: boolean
}

/** One peer's part in the run. */
interface Run {
  readonly name: PeerName
  readonly subject: Subject
  readonly times: Map<Cell, number[]>
  commitFreshBytes: number
}

/** A browser's clock is too coarse for one message. */
const MESSAGES = 20
const MESSAGE_ROUNDS = 15

/** Throws if members do not agree on an epoch, or read another text than was sent. */
export async function measure(plan: Plan, say: (line: string) => void): Promise<Measured[]> {
  const { n } = plan
  const clock = plan.cpu === true ? cpuTime : () => performance.now()
  const runs = await Promise.all(plan.peers.map((name) => runOf(name, clock)))
  const floors: number[] = []
  let turn = 0
  const rounds = async (count: number, part: (run: Run) => Promise<void>): Promise<void> => {
    for (let round = 0; round < (plan.once === true ? 1 : count); round++) {
      // Who goes first changes: the second pays for the garbage of the first.
      for (const run of turn++ % 2 === 0 ? runs : [...runs].reverse()) await part(run)
    }
  }

  await rounds(1, ({ subject }) => subject.prepare(n))
  say(`${n}: key packages made`)
  // A small group is built before the engine has compiled what builds it: the first rounds tell that, and not the work.
  await rounds(n > 2000 ? 1 : n > 100 ? 3 : 15, async (run) => {
    record(run, { buildMs: await run.subject.build() })
  })
  say(`${n}: built`)
  await rounds(n > 20_000 ? 3 : 5, async (run) => {
    if (run === runs[0]) floors.push(await verificationFloor(run.subject.keyPackages, clock))
    record(run, { joinMs: await run.subject.join() })
  })
  say(`${n}: joined`)
  await rounds(n > 2000 ? 1 : 5, async (run) => {
    const { sent, received } = await run.subject.commit()
    record(run, { commitFreshMs: sent, procFreshMs: received })
    run.commitFreshBytes = run.subject.sizes.commit
  })
  await rounds(MESSAGE_ROUNDS, async (run) => {
    const { sent, received } = await run.subject.messages(MESSAGES)
    record(run, { encMs: sent, decMs: received })
  })
  say(`${n}: committed`)
  await rounds(1, ({ subject }) => subject.warm())
  await rounds(9, async (run) => {
    const { sent, received } = await run.subject.commit()
    record(run, { commitWarmMs: sent, procWarmMs: received })
  })
  say(`${n}: committed to a warm tree`)
  return runs.map((run) => ({
    ...mediansOf(run),
    peer: run.name,
    n,
    floorMs: median(floors),
    welcomeBytes: run.subject.sizes.welcome,
    commitFreshBytes: run.commitFreshBytes,
    commitWarmBytes: run.subject.sizes.commit,
    messageBytes: run.subject.sizes.message,
  }))
}

async function runOf(name: PeerName, clock: Clock): Promise<Run> {
  const made = name === "burrow" ? subject(await burrow(), clock) : subject(await tsMls(), clock)
  return { name, subject: made, times: new Map(), commitFreshBytes: 0 }
}

function record(run: Run, times: Partial<Record<Cell, number>>): void {
  for (const cell of cells) {
    const time = times[cell]
    if (time !== undefined) run.times.set(cell, [...(run.times.get(cell) ?? []), time])
  }
}

function mediansOf({ times }: Run): Record<Cell, number> {
  const medians = cells.map((cell) => [cell, median(times.get(cell) ?? [])] as const)
  return Object.fromEntries(medians) as Record<Cell, number>
}
