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
  "by reference",
  "remove",
  "add",
  "external join",
  "remove proposed",
  "update proposed",
  "add proposed",
  "late",
]

/** How often each thing was done. Throws where members disagree, or where something was left out. */
export async function runSession(
  suite: (typeof SUITES)[number],
  seed: number,
  steps: number,
): Promise<ReadonlyMap<string, number>> {
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
    // Both kinds, and two of ours: what ts-mls does not commit needs one of ours that stays.
    for (const ours of [true, false, true]) await this.#add(ours)
  }

  async step(): Promise<void> {
    const action = this.#action()
    this.done.set(action.name, (this.done.get(action.name) ?? 0) + 1)
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
      ["by reference", () => this.#byReference()],
      ["by reference", () => this.#byReference()],
    ]
    if (full || removable.length > 2) {
      actions.push(["remove", () => this.#remove(this.#one(removable))])
    }
    if (!full) {
      actions.push(["add", () => this.#add(this.#pick(2) === 0)])
      actions.push(["external join", () => this.#joinExternally(this.#pick(2) === 0)])
      actions.push(["external join", () => this.#joinExternally(this.#pick(2) === 0)])
    }
    const [name, run] = this.#one(actions)
    return { name, run }
  }

  /** A mixed list by reference: several members propose, one of ours commits; each hears of them in an order of its own. */
  async #byReference(): Promise<void> {
    const committer = this.#one(this.#ours())
    const room = MOST_MEMBERS - this.#members.length
    const proposals: Uint8Array[] = []
    const from = new Map<Uint8Array, Member>()
    const propose = async (by: Member, wish: Wish) => {
      // ts-mls looks external PSKs up for what is public only.
      const message = await by.propose(wish, this.#pick(2) === 0)
      proposals.push(message)
      from.set(message, by)
      this.done.set(`${wish.kind} proposed`, (this.done.get(`${wish.kind} proposed`) ?? 0) + 1)
    }
    const joiners: Member[] = []
    const [gone] = this.#pick(2) === 0 ? this.#shuffled(this.#removable()) : []
    const removed = gone === committer ? undefined : gone
    const stay = this.#members.filter((member) => member !== removed)
    if (removed !== undefined) {
      const wish = { kind: "remove", leaf: removed.leaf() } as const
      await propose(this.#one(stay), wish)
    }
    const updating = this.#ours().filter((member) => member !== committer && member !== removed)
    for (const member of updating)
      if (this.#pick(2) === 0) await propose(member, { kind: "update" })
    if (room > 0 && this.#pick(2) === 0) {
      const joiner = await this.#fresh(this.#pick(2) === 0)
      joiners.push(joiner)
      await propose(this.#one(stay), { kind: "add", keyPackage: joiner.keyPackage })
    }
    if (this.#pick(3) === 0) await propose(this.#one(stay), this.#psk())
    const heard = stay.concat(removed?.ours === true ? [removed] : [])
    for (const member of heard) {
      for (const message of this.#shuffled(proposals)) {
        if (from.get(message) !== member) await member.process(message)
      }
    }
    await this.#commit(committer, [], { joiners, removed, onlyPublic: true })
  }

  async #add(ours: boolean): Promise<void> {
    const joiner = await this.#fresh(ours)
    const wish = { kind: "add", keyPackage: joiner.keyPackage } as const
    await this.#commit(this.#one(this.#members), [wish], { joiners: [joiner] })
  }

  /** ts-mls leaves the path out for a single Remove: ours commit these. */
  async #remove(removed: Member): Promise<void> {
    const committer = this.#one(this.#ours().filter((member) => member !== removed))
    await this.#commit(committer, [{ kind: "remove", leaf: removed.leaf() }], { removed })
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
      readonly removed?: Member | undefined
      readonly onlyPublic?: boolean
    } = {},
  ): Promise<void> {
    const { joiners = [], removed } = with_
    const encrypted =
      with_.onlyPublic !== true && !wishes.some(({ kind }) => kind === "psk") && this.#pick(2) === 0
    const { commit, welcome } = await committer.commit(wishes, encrypted)
    for (const member of this.#members) {
      // ts-mls does not come back from its own removal where the tree shrinks.
      if (member !== committer && (member !== removed || member.ours)) await member.process(commit)
    }
    if (removed?.ours === true) throws(() => removed.epoch(), /not in the group/)
    this.#members = this.#members.filter((member) => member !== removed)
    this.#late = this.#late.map((late) => ({
      ...late,
      readers: late.readers.filter((reader) => reader !== removed),
    }))
    for (const joiner of joiners) {
      if (welcome === undefined) throw new Error("no Welcome")
      const joined = await this.#unlessRefused(joiner, async () => {
        await joiner.join(welcome)
        return joiner
      })
      if (joined !== undefined) this.#members.push(joined)
      else await this.#expel(joiner)
    }
  }

  /** `undefined` where ts-mls refuses a tree that is in order: see `unmergedLeaves`. */
  async #unlessRefused<T>(joiner: Member, join: () => Promise<T>): Promise<T | undefined> {
    try {
      return await join()
    } catch (error) {
      if (joiner.ours || !isUnmergedRefusal(error)) throw error
      const tree = this.#one(this.#ours()).ratchetTree()
      deepEqual(unmergedLeaves(tree), { rfc: true, peer: false })
      this.done.set("refused by ts-mls", (this.done.get("refused by ts-mls") ?? 0) + 1)
      return undefined
    }
  }

  /** Who was added and did not join is removed. */
  async #expel(added: Member): Promise<void> {
    const taken = new Set(this.#members.map((member) => member.leaf()))
    const leaf = this.#one(this.#ours())
      .leaves()
      .find((each) => !taken.has(each))
    if (leaf === undefined) throw new Error(`${added.name} has no leaf`)
    await this.#commit(this.#one(this.#ours()), [{ kind: "remove", leaf }])
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
      this.done.set("read", (this.done.get("read") ?? 0) + late.readers.length)
      if (epoch > late.epoch) this.done.set("late", (this.done.get("late") ?? 0) + 1)
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

  #ours(): Member[] {
    return this.#members.filter(({ ours }) => ours)
  }

  /** Without whom two of ours and one of theirs are left. */
  #removable(): Member[] {
    const ours = this.#ours().length
    const theirs = this.#members.length - ours
    return this.#members.filter((member) => (member.ours ? ours > 2 : theirs > 1))
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
