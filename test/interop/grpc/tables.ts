// Things that the interop runner names by numbers.

import type { KeyPair, OwnKeyPackage } from "../../../src/mls/index.ts"
import { processMessage } from "../../../src/mls/index.ts"
import type { Member, Psks } from "./member.ts"
import type { HandleCommitRequest } from "./messages.ts"

/** A KeyPackage that waits for its Welcome. */
export interface Transaction {
  readonly keyPackage: OwnKeyPackage
  psks: Psks
}

/** A member of a group that has ended, with a KeyPackage for the one that follows. */
interface Ended {
  readonly member: Member
  readonly keyPackage: OwnKeyPackage
}

interface Signer {
  readonly suite: number
  readonly keyPair: KeyPair
}

class Table<Item> {
  readonly #items = new Map<number, Item>()
  readonly #what: string
  readonly #next: () => number

  constructor(what: string, next: () => number) {
    this.#what = what
    this.#next = next
  }

  add(item: Item): number {
    const id = this.#next()
    this.#items.set(id, item)
    return id
  }

  find(id: number): Item | undefined {
    return this.#items.get(id)
  }

  require(id: number): Item {
    const found = this.#items.get(id)
    if (found === undefined) throw new Error(`${this.#what} ${id} is not known`)
    return found
  }

  delete(id: number): void {
    this.#items.delete(id)
  }
}

/** States and transactions share their numbers: StorePSK names either. */
export class Tables {
  #last = 0
  readonly #next = () => ++this.#last
  readonly members = new Table<Member>("state", this.#next)
  readonly transactions = new Table<Transaction>("transaction", this.#next)
  readonly ended = new Table<Ended>("reinit", this.#next)
  readonly signers = new Table<Signer>("signer", this.#next)

  entered(member: Member) {
    const state_id = this.members.add(member)
    return { state_id, epoch_authenticator: member.epochAuthenticator }
  }

  /** The member after another's commit. */
  async afterCommit(request: HandleCommitRequest): Promise<Member> {
    const member = this.members.require(request.state_id)
    await member.receive(request.proposal)
    const processed = await processMessage(member.context, member.state, request.commit)
    if (processed.kind !== "commit") throw new Error(`a ${processed.kind}, not a commit`)
    if (processed.next === undefined) throw new Error("the commit removes this member")
    return member.advanced(processed.next)
  }
}
