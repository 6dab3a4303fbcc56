// RFC 9420 §12: seeded random sessions of several clients, which must agree after every step.

import { describe, expect, test } from "vitest"
import { appDataDictionary, appDataExtension } from "./app-data.ts"
import { bytesToHex } from "./bytes.ts"
import { createCommit } from "./commit-create.ts"
import { joinByExternalCommit } from "./external.ts"
import { exportGroupInfo } from "./group-info.ts"
import {
  backends,
  capabilities,
  keyPackageOf,
  required,
  testContext,
  stored,
} from "./group.fixture.ts"
import {
  createGroup,
  createProposal,
  createUpdateProposal,
  encryptApplication,
  members,
} from "./group.ts"
import type { CreatedCommit, GroupState, MlsContext } from "./group-types.ts"
import type { OwnKeyPackage } from "./key-package.ts"
import { processMessage } from "./process.ts"
import type { Proposal } from "./proposal-codec.ts"
import { extensionTypes, proposalTypes } from "./registry.ts"
import { decodeGroupState } from "./state-codec.ts"
import { treeHash } from "./tree-hash.ts"
import { joinGroup } from "./welcome.ts"

const STEPS = 40
const COMPONENT = 0x8001

interface Client {
  readonly name: string
  own: OwnKeyPackage
  /** `undefined`: not in the group. */
  state: GroupState | undefined
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

class Session {
  readonly clients: Client[] = []
  readonly ctx: MlsContext
  readonly pick: (below: number) => number
  readonly log: string[] = []
  #names = 0

  constructor(ctx: MlsContext, seed: number) {
    this.ctx = ctx
    this.pick = generator(seed)
  }

  async start(): Promise<void> {
    for (let i = 0; i < 6; i++) {
      const name = `client ${i}`
      this.clients.push({ name, own: await this.fresh(name), state: undefined })
    }
    const [founder] = this.clients
    if (founder === undefined) throw new Error("no clients")
    founder.state = await createGroup(this.ctx, {
      groupId: new TextEncoder().encode("session"),
      keyPackage: founder.own,
      extensions: [required, appDataExtension(new Map([[COMPONENT, new Uint8Array([0])]]))],
    })
  }

  fresh(name: string): Promise<OwnKeyPackage> {
    return keyPackageOf(this.ctx.crypto, `${name}/${this.#names++}`)
  }

  inside(): Client[] {
    return this.clients.filter((client) => client.state !== undefined)
  }

  outside(): Client[] {
    return this.clients.filter((client) => client.state === undefined)
  }

  one<T>(items: readonly T[]): T {
    const item = items[this.pick(items.length)]
    if (item === undefined) throw new Error("nothing to pick from")
    return item
  }

  stateOf(client: Client): GroupState {
    if (client.state === undefined) throw new Error(`${client.name} is not in the group`)
    return client.state
  }

  /** Everyone but the sender gets a message; who is removed by it leaves. */
  async deliver(message: Uint8Array, sender: Client): Promise<void> {
    for (const client of this.inside()) {
      if (client === sender) continue
      const before = stored(this.stateOf(client))
      const result = await processMessage(this.ctx, this.stateOf(client), message)
      // What is processed from a state that was stored and read back is the same.
      const again = await processMessage(this.ctx, decodeGroupState(before), message)
      const [one, other] = [result, again].map((r) => (r.kind === "commit" ? r.next : r.state))
      expect(one && stored(one)).toEqual(other && stored(other))
      // The state of before has not changed.
      expect(stored(this.stateOf(client))).toEqual(before)
      client.state = one
      if (one === undefined) client.own = await this.fresh(client.name)
    }
  }

  async commit(
    committer: Client,
    options: Parameters<typeof createCommit>[2],
    joining: readonly Client[] = [],
  ): Promise<CreatedCommit> {
    const made = await createCommit(this.ctx, this.stateOf(committer), {
      proposalRefs: "all",
      wireFormat: this.pick(3) === 0 ? "private" : "public",
      ...options,
    })
    await this.deliver(made.commit, committer)
    committer.state = made.next
    for (const client of joining) {
      if (made.welcome === undefined) throw new Error("no welcome")
      const { welcome } = made
      const joined = await joinGroup(this.ctx, { welcome, keyPackages: [client.own] })
      client.state = joined.state
    }
    return made
  }

  async step(): Promise<void> {
    const inside = this.inside()
    const outside = this.outside()
    const committer = this.one(inside)
    const state = this.stateOf(committer)
    const others = inside.filter((client) => client !== committer)
    const choice = inside.length < 3 ? 0 : this.pick(10)
    this.log.push(`${choice} by ${committer.name}`)
    switch (choice) {
      case 0:
      case 1: {
        if (outside.length === 0) return
        const joining = outside.slice(0, 1 + this.pick(2))
        const proposals = joining.map(({ own }): Proposal => ({
          proposalType: proposalTypes.add,
          keyPackage: own.keyPackage,
        }))
        await this.commit(committer, { proposals, forcePath: this.pick(2) === 0 }, joining)
        return
      }
      case 2: {
        const removed = this.stateOf(this.one(others)).ownLeafIndex
        const proposals = [{ proposalType: proposalTypes.remove, removed }]
        await this.commit(committer, { proposals })
        return
      }
      case 3:
        await this.commit(committer, {})
        return
      case 4: {
        const signatureKeyPair =
          this.pick(2) === 0 ? await this.ctx.crypto.generateSignatureKeyPair() : undefined
        await this.commit(committer, {
          leafNode: { ...(signatureKeyPair && { signatureKeyPair }) },
        })
        return
      }
      case 5: {
        const update = new Uint8Array([this.pick(256)])
        await this.commit(committer, {
          proposals: [
            { proposalType: proposalTypes.appDataUpdate, componentId: COMPONENT, update },
          ],
        })
        const { extensions } = this.stateOf(committer).groupContext
        expect(appDataDictionary(extensions)?.get(COMPONENT)).toEqual(update)
        expect(extensions.at(-1)?.type).toBe(extensionTypes.appDataDictionary)
        return
      }
      case 6: {
        const leaver = this.one(others)
        const made = await createProposal(this.ctx, this.stateOf(leaver), {
          proposalType: proposalTypes.selfRemove,
        })
        leaver.state = made.state
        await this.deliver(made.message, leaver)
        const { summary } = await this.commit(committer, {})
        expect(summary.removed.map((member) => member.leafIndex)).toContain(made.state.ownLeafIndex)
        return
      }
      case 7: {
        const updater = this.one(others)
        const format = this.pick(2) === 0 ? "public" : "private"
        const made = await createUpdateProposal(
          this.ctx,
          this.stateOf(updater),
          {},
          {
            wireFormat: format,
          },
        )
        updater.state = made.state
        await this.deliver(made.message, updater)
        await this.commit(committer, {})
        return
      }
      case 8: {
        // The same extensions in another order: the dictionary stays last.
        const { extensions } = state.groupContext
        const proposals = [{ proposalType: proposalTypes.groupContextExtensions, extensions }]
        await this.commit(committer, { proposals })
        return
      }
      default: {
        const [joiner] = outside
        if (joiner === undefined) return
        const groupInfo = await exportGroupInfo(this.ctx, state, {
          externalPub: true,
          ratchetTree: true,
        })
        const { leafNode } = joiner.own.keyPackage
        const made = await joinByExternalCommit(this.ctx, {
          groupInfo,
          credential: leafNode.credential,
          capabilities,
          signatureKeyPair: {
            publicKey: leafNode.signatureKey,
            privateKey: joiner.own.signaturePrivateKey,
          },
        })
        await this.deliver(made.commit, joiner)
        joiner.state = made.state
      }
    }
  }

  /** All members hold the same epoch and read what the others send, in any order. */
  async agree(): Promise<void> {
    const inside = this.inside()
    const views = inside.map((client) => {
      const state = this.stateOf(client)
      return [
        state.groupContext.epoch,
        bytesToHex(state.epochSecrets.epochAuthenticator),
        bytesToHex(treeHash(this.ctx.crypto, state.tree)),
        [...members(state)].length,
      ]
    })
    for (const view of views) expect(view).toEqual(views[0])
    expect(views[0]?.[3]).toBe(inside.length)
    const sender = this.one(inside)
    const messages: Uint8Array[] = []
    for (let i = 0; i < 3; i++) {
      const sent = await encryptApplication(this.ctx, this.stateOf(sender), new Uint8Array([i]))
      sender.state = sent.state
      messages.push(sent.message)
    }
    const order = [...messages.keys()].sort(() => this.pick(2) - 0.5)
    for (const client of inside) {
      if (client === sender) continue
      for (const i of order) {
        const message = messages[i]
        if (message === undefined) continue
        const result = await processMessage(this.ctx, this.stateOf(client), message)
        if (result.kind !== "application") throw new Error("an application message")
        expect([...result.data]).toEqual([i])
        expect(result.sender).toBe(this.stateOf(sender).ownLeafIndex)
        client.state = result.state
      }
    }
  }
}

describe.each(backends)("random sessions, %s", (backend) => {
  test.each([1, 2])("seed %i", async (seed) => {
    const session = new Session(await testContext(backend, `session ${seed}`), seed)
    await session.start()
    for (let step = 0; step < STEPS; step++) {
      try {
        await session.step()
        await session.agree()
      } catch (error) {
        throw new Error(`step ${step}: ${session.log.slice(-4).join(", ")}`, { cause: error })
      }
    }
    expect(session.inside().length).toBeGreaterThan(0)
  })
})
