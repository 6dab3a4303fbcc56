// What a member can do who has a client of their own making: from the keys that they rightly hold.

import { adminPolicyProposal, replaceComponent } from "../../src/marmot/local-commit.ts"
import { chatEvent, encodeAppEvent } from "../../src/marmot/app-event.ts"
import { encodeGroupProfile } from "../../src/marmot/components/group-profile.ts"
import { eventKey } from "../../src/marmot/event-key.ts"
import { openGroupEvent, parseGroupEvent, sealGroupEvent } from "../../src/marmot/group-event.ts"
import { factsOf, routeOf } from "../../src/marmot/group-facts.ts"
import { componentIds } from "../../src/marmot/registry.ts"
import { mlsContext } from "../../src/marmot/transition.ts"
import { createCommit, encryptApplication, proposalTypes } from "../../src/mls/index.ts"
import type { GroupState, MlsCrypto, Proposal } from "../../src/mls/index.ts"
import { finalizeEvent } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import type { Device } from "./device.ts"
import { adminDeed } from "./hostile-admin.ts"
import type { HostileAct } from "./plan.ts"
import type { Rng } from "./rng.ts"

export interface HostileWorld {
  readonly crypto: MlsCrypto
  readonly rng: Rng
  /** Milliseconds. */
  readonly now: number
  /** What relays hold of the group. */
  readonly stored: readonly NostrEvent[]
  /** Of all accounts. */
  readonly keyPackages: readonly NostrEvent[]
}

const JUNK = 60

/** The events of an act; none where the member has no state to do it from. */
export async function hostileEvents(
  device: Device,
  what: HostileAct,
  world: HostileWorld,
): Promise<readonly NostrEvent[]> {
  const { group } = device.watched
  const state = group?.states.get(group.tip)?.mls
  // Whoever is out has no keys left to do anything with.
  if (state === undefined || group?.standing !== "active") return []
  const { crypto, rng, now, stored } = world
  const random = (length: number) => rng.bytes(length)
  const createdAt = Math.floor(now / 1000)
  const { nostrGroupId } = routeOf(state)
  const seal = (message: Uint8Array) =>
    sealGroupEvent({ key: eventKey(crypto, state), message, nostrGroupId, createdAt, random })
  const context = mlsContext({ crypto, now, random })
  const facts = factsOf(state)
  const isAdmin = facts.admins.includes(device.pubkey)
  const commitOf = async (proposals: readonly Proposal[]) =>
    (await createCommit(context, state, { proposals })).commit

  switch (what) {
    case "junk":
      return Array.from({ length: JUNK }, () =>
        finalizeEvent(
          {
            kind: 445,
            created_at: createdAt,
            tags: [["h", nostrGroupId]],
            content: Buffer.from(random(rng.int(28, 400))).toString("base64"),
          },
          random(32),
        ),
      )
    case "garbage inside":
      return [seal(random(rng.int(1, 500)))]
    case "replay":
      return rng.some(stored, 5).flatMap((event) => {
        const message = opened(crypto, state, event)
        return message === undefined ? [event] : [seal(message)]
      })
    case "forged author": {
      const [other = device.pubkey] = facts.members.filter((each) => each !== device.pubkey)
      const rumor = chatEvent({ pubkey: other, createdAt, content: "forged" })
      const sent = await encryptApplication(context, state, encodeAppEvent(rumor))
      return [seal(sent.message)]
    }
    case "broken commit": {
      const commit = (await commitOf([])).slice()
      const at = rng.int(0, commit.length - 1)
      commit[at] = (commit[at] ?? 0) ^ (1 << rng.int(0, 7))
      return [seal(commit)]
    }
    // What an admin may do is no attack.
    case "rename":
      if (isAdmin) return []
      return [seal(await commitOf([renamed("conquered")]))]
    case "become admin":
      if (isAdmin) return []
      return [seal(await commitOf([adminPolicyProposal([device.pubkey])]))]
    case "remove": {
      const victims = facts.leaves.filter(({ account }) => account !== device.pubkey)
      if (isAdmin || victims.length === 0) return []
      const removed = rng.pick(victims).leafIndex
      return [seal(await commitOf([{ proposalType: proposalTypes.remove, removed }]))]
    }
    default: {
      const deed = await adminDeed(device, what, state, world)
      return deed === undefined ? [] : [seal(deed.commit), ...deed.wraps]
    }
  }
}

const renamed = (name: string) =>
  replaceComponent(componentIds.groupProfile, encodeGroupProfile({ name, description: "" }))

function opened(crypto: MlsCrypto, state: GroupState, event: NostrEvent): Uint8Array | undefined {
  try {
    return openGroupEvent(eventKey(crypto, state), parseGroupEvent(event))
  } catch {
    return undefined
  }
}
