// A large group as its clients hold it, each in a process of its own: who makes it, one who joins, and those whose
// Commits warm the tree. What one hands to another goes over the exchange, which also hears what each step took.

import {
  type GroupState,
  type OwnKeyPackage,
  Reader,
  Writer,
  decode,
  decodeOwnKeyPackage,
  encode,
  encodeOwnKeyPackage,
} from "../../src/mls/index.ts"
import { bytesToHex } from "../../src/mls/bytes.ts"
import { burrow } from "./burrow.ts"
import { verificationFloor } from "./floor.ts"
import type { Peer } from "./peer.ts"
import { type Step, Steps } from "./steps.ts"
import { GROUP_ID, TEXT, copathLeaves, identity, isText } from "./subject.ts"

export const roles = ["generator", "founder", "joiner", "others", "floor"] as const
export type Role = (typeof roles)[number]

export interface Exchange {
  /** Waits until somebody has written it. */
  read(name: string): Promise<Uint8Array>
  write(name: string, bytes: Uint8Array): Promise<void>
  /** What was done since the last step. */
  step(step: Step): Promise<void>
}

type Ours = Peer<OwnKeyPackage, GroupState>

interface Scene {
  readonly peer: Ours
  readonly n: number
  readonly exchange: Exchange
  readonly steps: Steps
}

const DONE = new Uint8Array(1)
/** Commits to a warm tree. */
const COMMITS = 9
/** Key packages that are made at the same time. */
const BATCH = 16

/** Plays a role; epoch authenticators at the moments that all members pass. Throws if another text comes out. */
export async function play(role: Role, n: number, exchange: Exchange): Promise<string[]> {
  const peer = await burrow()
  const steps = new Steps((step) => exchange.step(step))
  return parts[role]({ peer, n, exchange, steps })
}

const parts: Readonly<Record<Role, (scene: Scene) => Promise<string[]>>> = {
  async generator({ peer, n, exchange }) {
    const active = new Set([0, n - 1, ...copathLeaves(n)])
    const all = new Writer(400 * n)
    for (let from = 0; from < n; from += BATCH) {
      const indexes = Array.from({ length: Math.min(BATCH, n - from) }, (_, i) => from + i)
      const made = await Promise.all(indexes.map((index) => peer.keyPackage(identity(index))))
      for (const [i, { own, wire }] of made.entries()) {
        all.opaque(wire)
        if (!active.has(from + i)) continue
        await exchange.write(`own-${from + i}`, encode(encodeOwnKeyPackage, own))
      }
    }
    await exchange.write("key-packages", all.finish())
    return []
  },

  async founder(scene) {
    const { peer, exchange, steps } = scene
    const group = await peer.createGroup(await ownOf(exchange, 0), GROUP_ID)
    const keyPackages = readAll(await exchange.read("key-packages"))
    await steps.once("before", () => Promise.resolve())
    const { state, welcome } = await steps.once("build", () =>
      peer.addMembers(group, keyPackages.splice(1)),
    )
    await exchange.write("welcome", welcome)
    return lead(scene, state)
  },

  async joiner(scene) {
    const { peer, n, exchange, steps } = scene
    const own = await ownOf(exchange, n - 1)
    const welcome = await exchange.read("welcome")
    await steps.once("before", () => Promise.resolve())
    const joined = await steps.once("join", () => peer.join(own, welcome))
    await exchange.write("joined", DONE)
    return follow(scene, joined)
  },

  /** One member below each node of the founder's copath commits, from the root down. */
  async others({ peer, n, exchange }) {
    if (peer.asMember === undefined) throw new Error("one state can't stand for several members")
    // Whatever is measured has the machine to itself.
    await exchange.read("followed")
    const first = await peer.join(await ownOf(exchange, 1), await exchange.read("welcome"))
    const blank = await exchange.read("blank")
    const states: GroupState[] = []
    for (const leaf of warmingLeaves(n)) {
      const member = peer.asMember(first, await ownOf(exchange, leaf), leaf)
      states.push(await peer.process(member, blank))
    }
    for (let i = 0; ; i++) {
      const committer = states.pop()
      if (committer === undefined) return []
      const { wire } = await peer.commit(committer)
      await exchange.write(`warm-${i}`, wire)
      for (const [k, other] of states.entries()) states[k] = await peer.process(other, wire)
    }
  },

  /** What joining can't do without. */
  async floor({ exchange, steps }) {
    const keyPackages = readAll(await exchange.read("key-packages"))
    await steps.once("before", () => Promise.resolve())
    const ms = await verificationFloor(keyPackages, () => performance.now())
    await steps.note({ name: "as many signatures", ms, stretchMs: 0 })
    return []
  },
}

/** The founder, once the group is there. */
async function lead(scene: Scene, built: GroupState): Promise<string[]> {
  const { peer, exchange, steps } = scene
  await exchange.read("joined")
  const first = await steps.once("commit, blank tree", () => peer.commit(built))
  await exchange.write("blank", first.wire)
  const warm = await warmUp(scene, first.state)
  let state = warm
  await steps.several("commit, warm tree", async (timed) => {
    for (let i = 0; i < COMMITS; i++) {
      const made = await timed(() => peer.commit(state))
      state = made.state
      await exchange.write(`commit-${i}`, made.wire)
    }
  })
  const sent = await steps.once("send a message", () => peer.encrypt(state, TEXT))
  await exchange.write("text", sent.wire)
  const theirs = await exchange.read("their-commit")
  const last = await steps.once("process a Commit, warm tree", () =>
    peer.process(sent.state, theirs),
  )
  return [first.state, warm, last].map((each) => bytesToHex(peer.authenticator(each)))
}

/** Another member, once it has joined. */
async function follow(scene: Scene, joined: GroupState): Promise<string[]> {
  const { peer, exchange, steps } = scene
  const blank = await exchange.read("blank")
  const first = await steps.once("process a Commit, blank tree", () => peer.process(joined, blank))
  await exchange.write("followed", DONE)
  const warm = await warmUp(scene, first)
  let state = warm
  await steps.several("process a Commit, warm tree", async (timed) => {
    for (let i = 0; i < COMMITS; i++) {
      const wire = await exchange.read(`commit-${i}`)
      state = await timed(() => peer.process(state, wire))
    }
  })
  const message = await exchange.read("text")
  const read = await steps.once("read a message", () => peer.decrypt(state, message))
  if (!isText(read.text)) throw new Error("another text came out")
  const last = await steps.once("commit, warm tree", () => peer.commit(read.state))
  await exchange.write("their-commit", last.wire)
  return [first, warm, last.state].map((each) => bytesToHex(peer.authenticator(each)))
}

/** After the Commits of the others. */
function warmUp({ peer, n, exchange, steps }: Scene, before: GroupState): Promise<GroupState> {
  return steps.several("process what warms the tree", async (timed) => {
    let state = before
    for (const i of warmingLeaves(n).keys()) {
      const wire = await exchange.read(`warm-${i}`)
      state = await timed(() => peer.process(state, wire))
    }
    return state
  })
}

/** The last member joins, and commits only in the end. */
function warmingLeaves(n: number): number[] {
  return copathLeaves(n).filter((leaf) => leaf !== n - 1)
}

async function ownOf(exchange: Exchange, leaf: number): Promise<OwnKeyPackage> {
  return decode(decodeOwnKeyPackage, await exchange.read(`own-${leaf}`))
}

function readAll(keyPackages: Uint8Array): Uint8Array[] {
  const reader = new Reader(keyPackages)
  const all: Uint8Array[] = []
  while (reader.remaining > 0) all.push(reader.opaque())
  return all
}
