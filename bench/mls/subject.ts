// One implementation under measurement: its group, its members, and each operation timed and checked.

import { equalBytes } from "../../src/mls/bytes.ts"
import type { KeyPackage, Peer } from "./peer.ts"

export interface Timed {
  /** Milliseconds. */
  readonly sent: number
  readonly received: number
}

/** The operations in the order in which they are called. Alice made the group; Bob is its last member. */
export interface Subject {
  readonly name: string
  /** Everybody's key packages. Not timed. */
  prepare(members: number): Promise<void>
  readonly keyPackages: readonly Uint8Array[]
  /** Milliseconds for Alice to make the group of all by one Commit. */
  build(): Promise<number>
  /** Milliseconds for Bob to join. */
  join(): Promise<number>
  /** A Commit of Alice's with a path, and Bob takes it. */
  commit(): Promise<Timed>
  /** `count` messages of 100 bytes from Alice to Bob, one after another: the time of one. */
  messages(count: number): Promise<Timed>
  /** One member below each node of Alice's copath commits, so that her path's resolutions are of size 1. Not timed. */
  warm(): Promise<void>
  readonly sizes: { readonly welcome: number; readonly commit: number; readonly message: number }
}

export const TEXT = new Uint8Array(100).fill(65)
export const GROUP_ID = new Uint8Array(32).fill(7)
/** Key packages that are made at the same time. */
const BATCH = 16

export const isText = (text: Uint8Array) => equalBytes(text, TEXT)

/** 32 bytes, as long as a Nostr key. */
export function identity(index: number): Uint8Array {
  return new TextEncoder().encode(`member-${String(index).padStart(6, "0")}`.padEnd(32, "."))
}

/** Milliseconds, from any start. */
export type Clock = () => number

/** Milliseconds of the processor that this process has taken in all its threads; in Node only. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** How long it took, and what came of it. */
export async function timedBy<T>(
  clock: Clock,
  run: () => Promise<T>,
): Promise<readonly [number, T]> {
  const start = clock()
  const value = await run()
  return [clock() - start, value]
}

export function subject<Own, State>(peer: Peer<Own, State>, clock: Clock): Subject {
  const timed = <T>(run: () => Promise<T>) => timedBy(clock, run)
  let size = 0
  let wires: Uint8Array[] = []
  /** What is kept of those who do something; the others are only added. */
  const owns = new Map<number, Own>()
  let alice: State | undefined
  let bob: State | undefined
  let start: { readonly alice: State; readonly bob: State } | undefined
  let welcome = new Uint8Array()
  let [commitSize, messageSize] = [0, 0]

  const own = (index: number): Own => {
    const found = owns.get(index)
    if (found === undefined) throw new Error(`member ${index} does nothing`)
    return found
  }
  const present = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("the operations are out of order")
    return value
  }
  const agree = (...states: readonly State[]): void => {
    const [first, ...others] = states.map((state) => peer.authenticator(state))
    if (first === undefined || !others.every((each) => equalBytes(each, first))) {
      throw new Error(`${peer.name}: the members do not agree on the epoch`)
    }
  }

  return {
    name: peer.name,
    get keyPackages() {
      return wires
    },
    get sizes() {
      return { welcome: welcome.length, commit: commitSize, message: messageSize }
    },
    async prepare(members) {
      size = members
      wires = []
      owns.clear()
      ;[alice, bob, start] = [undefined, undefined, undefined]
      const active = new Set([0, members - 1, ...copathLeaves(members)])
      for (let from = 0; from < members; from += BATCH) {
        const indexes = Array.from({ length: Math.min(BATCH, members - from) }, (_, i) => from + i)
        const made = await Promise.all(
          indexes.map(async (index): Promise<readonly [number, KeyPackage<Own>]> => [
            index,
            await peer.keyPackage(identity(index)),
          ]),
        )
        for (const [index, keyPackage] of made) {
          wires[index] = keyPackage.wire
          if (active.has(index)) owns.set(index, keyPackage.own)
        }
      }
    },
    async build() {
      const founder = await peer.createGroup(own(0), GROUP_ID)
      const [time, built] = await timed(() => peer.addMembers(founder, wires.slice(1)))
      alice = built.state
      welcome = new Uint8Array(built.welcome)
      return time
    },
    async join() {
      bob = undefined
      const [time, joined] = await timed(() => peer.join(own(size - 1), welcome))
      agree(present(alice), joined)
      bob = joined
      start = { alice: present(alice), bob }
      return time
    },
    async commit() {
      const [before, receiver] = [present(alice), present(bob)]
      const [sent, made] = await timed(() => peer.commit(before))
      const [received, processed] = await timed(() => peer.process(receiver, made.wire))
      agree(made.state, processed)
      ;[alice, bob, commitSize] = [made.state, processed, made.wire.length]
      return { sent, received }
    },
    async messages(count) {
      let [sender, receiver] = [present(alice), present(bob)]
      const wires: Uint8Array[] = []
      const [sent] = await timed(async () => {
        for (let i = 0; i < count; i++) {
          const made = await peer.encrypt(sender, TEXT)
          sender = made.state
          wires.push(made.wire)
        }
      })
      const texts: Uint8Array[] = []
      const [received] = await timed(async () => {
        for (const wire of wires) {
          const read = await peer.decrypt(receiver, wire)
          receiver = read.state
          texts.push(read.text)
        }
      })
      if (!texts.every(isText)) {
        throw new Error(`${peer.name}: another text came out`)
      }
      ;[alice, bob, messageSize] = [sender, receiver, wires[0]?.length ?? 0]
      return { sent: sent / count, received: received / count }
    },
    async warm() {
      let { alice: a, bob: b } = present(start)
      start = undefined
      const others: State[] = []
      for (const leaf of copathLeaves(size)) {
        if (leaf === size - 1) continue
        others.push(peer.asMember?.(b, own(leaf), leaf) ?? (await peer.join(own(leaf), welcome)))
      }
      // From the root down: whoever has committed need not follow any more.
      for (let committer = others.pop(); committer !== undefined; committer = others.pop()) {
        const { state, wire } = await peer.commit(committer)
        a = await peer.process(a, wire)
        b = await peer.process(b, wire)
        for (const [i, other] of others.entries()) others[i] = await peer.process(other, wire)
        agree(state, a, b)
      }
      ;[alice, bob] = [a, b]
    },
  }
}

/** The first leaf below each node of the copath of leaf 0: 1, 2, 4, 8, … */
export function copathLeaves(members: number): number[] {
  const leaves: number[] = []
  for (let leaf = 1; leaf < members; leaf *= 2) leaves.push(leaf)
  return leaves
}
