// A random live session with ts-mls: one group, seeded, over bytes alone; all members agree after each epoch.

import { deepEqual, equal, throws } from "node:assert/strict"
import {
  type Member,
  PSKS,
  type Setting,
  type Wish,
  hex,
  ourMember,
  peerMember,
  text,
} from "./ts-mls-members.fixture.ts"
import { isUnmergedRefusal, unmergedLeaves } from "./ts-mls-unmerged.fixture.ts"

const MOST_MEMBERS = 7

export const SUITES = [
  { suite: 0x0001, peerSuite: "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519" },
  { suite: 0x0002, peerSuite: "MLS_128_DHKEMP256_AES128GCM_SHA256_P256" },
  { suite: 0x0003, peerSuite: "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519" },
  { suite: 0xf00d, peerSuite: "MLS_256_XWING_AES256GCM_SHA512_Ed25519" },
] as const

/** What a session is for. */
const EVERYTHING = [
  "path only",
  "psk",
  "extensions",
  "by reference to ours",
  "by reference to ts-mls",
  "remove",
  "add",
  "external join",
  "late",
]

/**
 * What is done by reference: kind, proposer, committer, who is another one. An Update or new extensions can ts-mls not commit, and
 * of the same extensions only with two Removes (`ts-mls-limits.test.ts`).
 */
const BY_REFERENCE = [
  ...["add", "remove", "psk", "update", "extensions"].flatMap((kind) => [
    `${kind}, ours to ours`,
    `${kind}, ts-mls to ours`,
  ]),
  ...["add", "remove", "psk", "same extensions"].flatMap((kind) => [
    `${kind}, ours to ts-mls`,
    `${kind}, ts-mls to ts-mls`,
  ]),
  "two removes by ts-mls",
]

export type Done = ReadonlyMap<string, number>

/** What sessions together have left out: one of CI's size is too short for everything. */
export function leftOut(sessions: readonly Done[]): string[] {
  return BY_REFERENCE.filter((name) => !sessions.some((done) => done.has(name)))
}

/** How often each thing was done. Throws where members disagree, or where something was left out. */
export async function runSession(
  suite: (typeof SUITES)[number],
  seed: number,
  steps: number,
): Promise<Done> {
  const backend = seed % 2 === 1 ? "webcrypto" : "noble"
  const session = new Session({ ...suite, backend }, seed)
  await session.start()
  for (let step = 0; step < steps; step++) {
    try {
      await session.step()
    } catch (error) {
      throw new Error(`step ${step}: ${JSON.stringify([...session.done])}`, { cause: error })
    }
  }
  for (const name of EVERYTHING) {
    if (!session.done.has(name)) throw new Error(`nothing of "${name}" in ${steps} steps`)
  }
  return session.done
}

/** A small generator (mulberry32): the same seed makes the same session. */
function generator(seed: number): (below: number) => number {
  let a = seed
  return (below) => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below)
  }
}

/** A message that some have still to read. */
interface Late {
  readonly message: Uint8Array
  readonly data: string
  readonly readers: readonly Member[]
  readonly epoch: bigint
}

/** As many as ts-mls keeps keys for. */
const LATEST = 4n

const side = (member: Member) => (member.ours ? "ours" : "ts-mls")

class Session {
  readonly #setting: Setting
  readonly #pick: (below: number) => number
  #members: Member[] = []
  #late: Late[] = []
  #names = 0
  readonly done = new Map<string, number>()

  constructor(setting: Setting, seed: number) {
    this.#setting = setting
    this.#pick = generator(seed)
  }

  async start(): Promise<void> {
    const founder = await this.#fresh(this.#pick(2) === 0)
    await founder.create(text("random session"))
    this.#members = [founder]
    // Both kinds, and two of ours: what ts-mls cannot commit needs one of ours that stays.
    for (const ours of [true, false, true]) await this.#add(ours)
  }

  async step(): Promise<void> {
    const action = this.#action()
    this.#count(action.name)
    await action.run()
    this.#agree()
    await this.#talk()
  }

  #action(): { readonly name: string; readonly run: () => Promise<void> } {
    const full = this.#members.length >= MOST_MEMBERS
    const removable = this.#removable()
    const actions: [string, () => Promise<void>][] = [
      ["path only", () => this.#commit(this.#one(this.#members), [])],
      ["psk", () => this.#commit(this.#one(this.#members), [this.#psk()])],
      ["extensions", () => this.#commit(this.#one(this.#ours()), [this.#extensions()])],
      ["by reference to ours", () => this.#byReferenceToOurs()],
      ["by reference to ours", () => this.#byReferenceToOurs()],
      ["by reference to ts-mls", () => this.#byReferenceToPeer()],
      ["by reference to ts-mls", () => this.#byReferenceToPeer()],
    ]
    if (full || removable.length > 2) {
      actions.push(["remove", () => this.#remove(this.#one(removable))])
      const committer = this.#one(this.#theirs())
      const pair = this.#pair(committer)
      if (pair.length === 2) {
        actions.push(["two removes by ts-mls", () => this.#removeTwo(committer, pair)])
      }
    }
    if (!full) {
      actions.push(["add", () => this.#add(this.#pick(2) === 0)])
      actions.push(["external join", () => this.#joinExternally(this.#pick(2) === 0)])
      actions.push(["external join", () => this.#joinExternally(this.#pick(2) === 0)])
    }
    const [name, run] = this.#one(actions)
    return { name, run }
  }

  /** A mixed list by reference: several members propose, one of ours commits. */
  async #byReferenceToOurs(): Promise<void> {
    const committer = this.#one(this.#ours())
    const wishes: [Wish, Member?][] = []
    const [gone] = this.#pick(2) === 0 ? this.#shuffled(this.#removable()) : []
    const removed = gone === undefined || gone === committer ? [] : [gone]
    for (const member of this.#members) {
      if (member === committer || removed.includes(member) || this.#pick(2) === 0) continue
      wishes.push([{ kind: "update" }, member])
    }
    const joiners = await this.#joiners(1)
    if (this.#pick(3) === 0) wishes.push([this.#psk()])
    if (this.#pick(3) === 0) wishes.push([this.#extensions()])
    await this.#byReference(committer, { wishes, joiners, removed })
  }

  /** Of what ts-mls can commit: Adds and no path, or two Removes and a path. */
  async #byReferenceToPeer(): Promise<void> {
    const committer = this.#one(this.#theirs())
    const wishes: [Wish][] = []
    const pair = this.#pair(committer)
    const removed = pair.length === 2 && this.#pick(3) > 0 ? pair : []
    const joiners = removed.length === 0 ? await this.#joiners(2) : []
    if (this.#pick(2) === 0) wishes.push([this.#psk()])
    const extension = committer.extension()
    if (removed.length > 0 && extension !== undefined) {
      const data = Buffer.from(extension, "hex").toString()
      wishes.push([{ kind: "extensions", data }])
    }
    // An empty list would be a Commit for its path only.
    if (wishes.length + joiners.length + removed.length === 0) wishes.push([this.#psk()])
    await this.#byReference(committer, { wishes, joiners, removed })
  }

  /** Each hears of the proposals in an order of its own. */
  async #byReference(
    committer: Member,
    list: {
      /** And who proposes it, where that matters. */
      readonly wishes: readonly (readonly [Wish, Member?])[]
      readonly joiners: readonly Member[]
      readonly removed: readonly Member[]
    },
  ): Promise<void> {
    const { joiners, removed } = list
    const stay = this.#members.filter((member) => !removed.includes(member))
    const all: (readonly [Wish, Member?])[] = [
      ...list.wishes,
      ...removed.map((member) => [{ kind: "remove", leaf: member.leaf() }] as const),
      ...joiners.map(({ keyPackage }) => [{ kind: "add", keyPackage }] as const),
    ]
    const proposals: { readonly message: Uint8Array; readonly by: Member }[] = []
    for (const [wish, by = this.#one(stay)] of all) {
      // ts-mls looks external PSKs up for what is public only.
      proposals.push({ message: await by.propose(wish, this.#pick(2) === 0), by })
      if (by === committer) continue
      const same = wish.kind === "extensions" && hex(text(wish.data)) === committer.extension()
      this.#count(`${same ? "same " : ""}${wish.kind}, ${side(by)} to ${side(committer)}`)
    }
    for (const member of stay.concat(removed.filter(({ ours }) => ours))) {
      for (const { message, by } of this.#shuffled(proposals)) {
        if (by !== member) await member.process(message)
      }
    }
    const onlyPublic = all.some(([{ kind }]) => kind === "psk")
    await this.#commit(committer, [], { joiners, removed, onlyPublic })
  }

  /** Up to so many, and as there is room. */
  async #joiners(most: number): Promise<Member[]> {
    const room = Math.min(most, MOST_MEMBERS - this.#members.length)
    const joiners: Member[] = []
    for (let i = this.#pick(room + 1); i > 0; i--) {
      joiners.push(await this.#fresh(this.#pick(2) === 0))
    }
    return joiners
  }

  async #add(ours: boolean): Promise<void> {
    const joiner = await this.#fresh(ours)
    const wish = { kind: "add", keyPackage: joiner.keyPackage } as const
    await this.#commit(this.#one(this.#members), [wish], { joiners: [joiner] })
  }

  /** ts-mls leaves the path out for a single Remove: ours commit these, ts-mls commits two at a time. */
  async #remove(removed: Member): Promise<void> {
    const committer = this.#one(this.#ours().filter((member) => member !== removed))
    const wish = { kind: "remove", leaf: removed.leaf() } as const
    await this.#commit(committer, [wish], { removed: [removed] })
  }

  async #removeTwo(committer: Member, removed: readonly Member[]): Promise<void> {
    const wishes = removed.map((member) => ({ kind: "remove", leaf: member.leaf() }) as const)
    await this.#commit(committer, wishes, { removed })
  }

  async #joinExternally(ours: boolean): Promise<void> {
    const joiner = await this.#fresh(ours)
    const helper = this.#one(this.#members)
    const commit = await this.#unlessRefused(joiner, () => joiner.joinExternally(helper))
    if (commit === undefined) return
    for (const member of this.#members) await member.process(commit)
    this.#members.push(joiner)
  }

  async #commit(
    committer: Member,
    wishes: readonly Wish[],
    with_: {
      readonly joiners?: readonly Member[]
      readonly removed?: readonly Member[]
      readonly onlyPublic?: boolean
    } = {},
  ): Promise<void> {
    const { joiners = [], removed = [] } = with_
    const encrypted =
      with_.onlyPublic !== true && !wishes.some(({ kind }) => kind === "psk") && this.#pick(2) === 0
    const { commit, welcome } = await committer.commit(wishes, encrypted)
    for (const member of this.#members) {
      // ts-mls does not come back from its own removal where the tree shrinks.
      const told = member.ours || !removed.includes(member)
      if (member !== committer && told) await member.process(commit)
    }
    for (const member of removed) if (member.ours) throws(() => member.epoch(), /not in the group/)
    this.#members = this.#members.filter((member) => !removed.includes(member))
    this.#late = this.#late.map((late) => ({
      ...late,
      readers: late.readers.filter((reader) => !removed.includes(reader)),
    }))
    const refused: Member[] = []
    for (const joiner of joiners) {
      if (welcome === undefined) throw new Error("no Welcome")
      const joined = await this.#unlessRefused(joiner, async () => {
        await joiner.join(welcome)
        return joiner
      })
      if (joined === undefined) refused.push(joiner)
      else this.#members.push(joined)
    }
    if (refused.length > 0) await this.#expel(refused)
  }

  /** `undefined` where ts-mls refuses a tree that is in order: see `unmergedLeaves`. */
  async #unlessRefused<T>(joiner: Member, join: () => Promise<T>): Promise<T | undefined> {
    try {
      return await join()
    } catch (error) {
      if (joiner.ours || !isUnmergedRefusal(error)) throw error
      const tree = this.#one(this.#ours()).ratchetTree()
      deepEqual(unmergedLeaves(tree), { rfc: true, peer: false })
      this.#count("refused by ts-mls")
      return undefined
    }
  }

  /** Who was added and did not join is removed. */
  async #expel(added: readonly Member[]): Promise<void> {
    const taken = new Set(this.#members.map((member) => member.leaf()))
    const committer = this.#one(this.#ours())
    const leaves = committer.leaves().filter((each) => !taken.has(each))
    equal(leaves.length, added.length)
    const wishes = leaves.map((leaf) => ({ kind: "remove", leaf }) as const)
    await this.#commit(committer, wishes)
  }

  #agree(): void {
    const views = this.#members.map((member) => [
      member.epoch(),
      member.authenticator(),
      member.extension(),
    ])
    for (const view of views) deepEqual(view, views[0])
    equal(new Set(this.#members.map((member) => member.leaf())).size, this.#members.length)
  }

  /** Some send; what is read at once comes in any order, the rest an epoch or more later. */
  async #talk(): Promise<void> {
    for (let i = this.#pick(4); i > 0; i--) {
      const sender = this.#one(this.#members)
      const data = `${sender.name}, ${this.#pick(0xffff)}`
      const message = await sender.send(text(data))
      const readers = this.#members.filter((member) => member !== sender)
      this.#late.push({ message, data, readers, epoch: sender.epoch() })
    }
    const epoch = this.#members[0]?.epoch() ?? 0n
    const waiting: Late[] = []
    for (const late of this.#shuffled(this.#late)) {
      const due = epoch - late.epoch >= LATEST - 1n
      if (!due && this.#pick(2) === 0) {
        waiting.push(late)
        continue
      }
      this.#count("read", late.readers.length)
      if (epoch > late.epoch) this.#count("late")
      for (const reader of late.readers) {
        equal(hex(await reader.read(late.message)), hex(text(late.data)))
      }
    }
    this.#late = waiting
  }

  #psk(): Wish {
    return { kind: "psk", id: this.#one(PSKS) }
  }

  #extensions(): Wish {
    return { kind: "extensions", data: `extension ${this.#pick(100)}` }
  }

  async #fresh(ours: boolean): Promise<Member> {
    const name = `member ${this.#names++}`
    return ours ? ourMember(name, this.#setting) : peerMember(name, this.#setting)
  }

  #count(name: string, by = 1): void {
    this.done.set(name, (this.done.get(name) ?? 0) + by)
  }

  #ours(): Member[] {
    return this.#members.filter(({ ours }) => ours)
  }

  #theirs(): Member[] {
    return this.#members.filter(({ ours }) => !ours)
  }

  /** Without whom two of ours and one of theirs are left. */
  #removable(): Member[] {
    const ours = this.#ours().length
    const theirs = this.#members.length - ours
    return this.#members.filter(
      (member) => (member.ours ? ours > 2 : theirs > 1) && this.#leftHalfWithout([member]),
    )
  }

  /** Whether somebody stays in the left half of the tree: ts-mls does not find the commit secret where nobody does. */
  #leftHalfWithout(removed: readonly Member[]): boolean {
    const stay = this.#members.filter((member) => !removed.includes(member))
    const leaves = stay.map((member) => member.leaf())
    return Math.min(...leaves) < 2 ** Math.floor(Math.log2(Math.max(...leaves)))
  }

  /** Two that this one can remove, so that two of ours are left; or fewer. */
  #pair(committer: Member): Member[] {
    let spare = this.#ours().length - 2
    const pair: Member[] = []
    for (const member of this.#shuffled(this.#members)) {
      if (member === committer || pair.length === 2) continue
      if (!member.ours || spare-- > 0) pair.push(member)
    }
    return this.#leftHalfWithout(pair) ? pair : []
  }

  #one<Item>(items: readonly Item[]): Item {
    const item = items[this.#pick(items.length)]
    if (item === undefined) throw new Error("nothing to choose from")
    return item
  }

  #shuffled<Item>(items: readonly Item[]): Item[] {
    return items
      .map((item) => ({ item, key: this.#pick(2 ** 30) }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item)
  }
}
