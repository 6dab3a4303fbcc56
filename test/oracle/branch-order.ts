// Marmot convergence §8.3–§8.9 once more, written naively from the specification over plain records, to judge the
// engine by. It shares nothing with `src/marmot`; keep it that way.

/** A Commit as a test describes it: hex digest, hex account, the parent's id. */
export interface PlainCommit {
  readonly id: string
  readonly parent: string
  /** Of the state that it makes. */
  readonly epoch: number
  readonly committer: string
  readonly privileged: boolean
}

/** An application message: who said it, and in which state. */
export interface PlainMessage {
  readonly state: string
  readonly account: string
}

export interface PlainBranch {
  readonly id: string
  readonly forkEpoch: number
  readonly tipEpoch: number
  readonly privileged: boolean
  /** Hex, as is the digest: its order is the order of the bytes. */
  readonly committer: string
  readonly digest: string
  readonly witnesses: readonly { readonly epoch: number; readonly account: string }[]
}

export interface PlainPolicy {
  readonly rewind: number
  readonly window: number
  readonly senders: number
  readonly epochs: number
  readonly override: number
}

const VERSION_1: PlainPolicy = { rewind: 5, window: 5, senders: 2, epochs: 1, override: 1 }

/** The six keys of §8.6 as numbers and strings of which the greater one wins. */
function keysOf(branch: PlainBranch, policy: PlainPolicy): (number | string)[] {
  let score = 0
  let epochsWithQuorum = 0
  for (let epoch = branch.forkEpoch + 1; epoch <= branch.tipEpoch; epoch++) {
    if (branch.tipEpoch - epoch > policy.window) continue
    const accounts = new Set<string>()
    for (const said of branch.witnesses) if (said.epoch === epoch) accounts.add(said.account)
    score += Math.min(accounts.size, policy.senders)
    if (accounts.size >= policy.senders) epochsWithQuorum += 1
  }
  const quorum = epochsWithQuorum >= policy.epochs
  const depth = branch.tipEpoch - branch.forkEpoch + (quorum ? policy.override : 0)
  return [
    depth,
    Number(quorum),
    score,
    Number(branch.privileged),
    inverted(branch.committer),
    inverted(branch.digest),
  ]
}

/** Another hex text, greater where `hex` is lower. */
const inverted = (hex: string): string =>
  hex.replace(/./g, (digit) => (15 - parseInt(digit, 16)).toString(16))

/** The branch that wins at `base`; none if all of them fork too far back. */
export function winnerOf<B extends PlainBranch>(
  branches: readonly B[],
  base: number,
  policy = VERSION_1,
): B | undefined {
  let best: B | undefined
  for (const branch of branches) {
    if (base - branch.forkEpoch > policy.rewind) continue
    if (best === undefined || beats(branch, best, policy)) best = branch
  }
  return best
}

function beats(branch: PlainBranch, other: PlainBranch, policy: PlainPolicy): boolean {
  const ours = keysOf(branch, policy)
  const theirs = keysOf(other, policy)
  for (const [i, key] of ours.entries()) {
    const rival = theirs[i] ?? ""
    if (key !== rival) return key > rival
  }
  return false
}

/** A group as an observer that stores everything sees it. */
export class PlainGroup {
  readonly commits = new Map<string, PlainCommit>()
  readonly messages: PlainMessage[] = []
  tip: string
  readonly #origin: { readonly id: string; readonly epoch: number }

  constructor(origin: { readonly id: string; readonly epoch: number }) {
    this.#origin = origin
    this.tip = origin.id
  }

  knows(id: string): boolean {
    return id === this.#origin.id || this.commits.has(id)
  }

  epochOf(id: string): number {
    return id === this.#origin.id ? this.#origin.epoch : this.#commit(id).epoch
  }

  /** The Commits from the beginning to `id`. */
  pathTo(id: string): PlainCommit[] {
    const path: PlainCommit[] = []
    for (let at = id; at !== this.#origin.id; at = this.#commit(at).parent) {
      path.unshift(this.#commit(at))
    }
    return path
  }

  /** One pass over all that was received: what is the tip then? */
  pass(): string {
    const base = this.epochOf(this.tip)
    const canonical = new Set([this.#origin.id, ...this.pathTo(this.tip).map(({ id }) => id)])
    const alive = this.#alive(base, canonical)
    const sources = alive.filter(({ id }) => !canonical.has(id)).map(({ epoch }) => epoch - 1)
    const root = Math.min(base, ...sources)
    const parents = new Set(alive.map(({ parent }) => parent))
    const leaves = alive.filter(({ id, epoch }) => !parents.has(id) && epoch > root)
    const winner = winnerOf(
      leaves.map((leaf) => this.#branch(leaf, root)),
      base,
    )
    if (winner !== undefined) this.tip = winner.id
    return this.tip
  }

  /** Canonical Commits, and rivals whose source epoch and whose ancestors' are within the horizon. */
  #alive(base: number, canonical: ReadonlySet<string>): PlainCommit[] {
    const fits = (commit: PlainCommit) =>
      canonical.has(commit.id) || base - (commit.epoch - 1) <= VERSION_1.rewind
    return [...this.commits.values()].filter((commit) => this.pathTo(commit.id).every(fits))
  }

  #branch(leaf: PlainCommit, root: number): PlainBranch {
    const path = this.pathTo(leaf.id).filter(({ epoch }) => epoch > root)
    const witnesses = path.flatMap(({ id, epoch }) =>
      this.messages.filter(({ state }) => state === id).map(({ account }) => ({ epoch, account })),
    )
    const { id, epoch: tipEpoch, committer, privileged } = leaf
    return { id, digest: id, forkEpoch: root, tipEpoch, committer, privileged, witnesses }
  }

  #commit(id: string): PlainCommit {
    const commit = this.commits.get(id)
    if (commit === undefined) throw new Error("a Commit that nobody has received")
    return commit
  }
}
