// What a member of bad faith can do with Commits that an honest client would not make, an admin above all.

import { checkKeyPackageEvent, generateOwnKeyPackage } from "../../src/marmot/key-package-event.ts"
import { encodeGroupProfile } from "../../src/marmot/components/group-profile.ts"
import { factsOf, routeOf } from "../../src/marmot/group-facts.ts"
import { adminPolicyProposal, replaceComponent } from "../../src/marmot/local-commit.ts"
import { identityProofFrom, identityProofTemplate } from "../../src/marmot/identity-proof.ts"
import { componentIds } from "../../src/marmot/registry.ts"
import { mlsContext } from "../../src/marmot/transition.ts"
import { welcomeRumor } from "../../src/marmot/welcome-event.ts"
import { createCommit, leafNodeOf, proposalTypes } from "../../src/mls/index.ts"
import type { GroupState, KeyPackage, MlsCrypto, Proposal } from "../../src/mls/index.ts"
import { bytesToHex, finalizeEvent } from "../../src/nostr/event.ts"
import type { NostrEvent } from "../../src/nostr/event.ts"
import { wrap } from "../../src/nostr/gift-wrap.ts"
import { LocalSigner } from "../../src/nostr/local-signer.ts"
import type { Device } from "./device.ts"
import type { Rng } from "./rng.ts"

export const adminActs = [
  "forged identity",
  "broken component",
  "admin who is no member",
  "uneven path",
  "second device",
  "remove everybody",
] as const
export type AdminAct = (typeof adminActs)[number]

export interface AdminWorld {
  readonly crypto: MlsCrypto
  readonly rng: Rng
  /** Milliseconds. */
  readonly now: number
  /** Of all accounts, newest first. */
  readonly keyPackages: readonly NostrEvent[]
}

export interface AdminDeed {
  readonly commit: Uint8Array
  /** Gift wraps that belong to it. */
  readonly wraps: readonly NostrEvent[]
}

/** What `device` does as a member of `state`; `undefined` where it can't. */
export async function adminDeed(
  device: Device,
  what: AdminAct,
  state: GroupState,
  world: AdminWorld,
): Promise<AdminDeed | undefined> {
  const { crypto, rng, now } = world
  const random = (length: number) => rng.bytes(length)
  const context = mlsContext({ crypto, now, random })
  const facts = factsOf(state)
  const commitOf = async (proposals: readonly Proposal[], using = crypto): Promise<AdminDeed> => {
    const options = { proposals, forcePath: true }
    const { commit } = await createCommit({ ...context, crypto: using }, state, options)
    return { commit, wraps: [] }
  }
  // Anyone can do this one: it needs no admin's right.
  if (what === "uneven path") return commitOf([], unevenly(crypto, rng))
  if (!facts.admins.includes(device.pubkey)) return undefined
  switch (what) {
    case "forged identity": {
      const signatureKeyPair = await crypto.generateSignatureKeyPair()
      // Another account's name, and a proof for another key.
      const pubkey = bytesToHex(random(32))
      const own = device.watched.group?.device
      if (own === undefined) return undefined
      const forged = { ...own, pubkey, signatureKeyPair }
      const { keyPackage } = await generateOwnKeyPackage(crypto, { device: forged, now })
      // Our own library refuses to help.
      const blind = { ...context, auth: { validate: () => undefined } }
      const proposals = [{ proposalType: proposalTypes.add, keyPackage } as const]
      return { commit: (await createCommit(blind, state, { proposals })).commit, wraps: [] }
    }
    case "broken component": {
      const id = rng.pick([componentIds.adminPolicy, componentIds.groupProfile])
      return commitOf([replaceComponent(id, random(rng.int(1, 40)))])
    }
    case "admin who is no member":
      return commitOf([adminPolicyProposal([device.pubkey, bytesToHex(random(32))])])
    case "second device":
      return secondDevice(device, state, world)
    case "remove everybody": {
      const others = facts.leaves.filter(({ leafIndex }) => leafIndex !== state.ownLeafIndex)
      const removes = others.map(({ leafIndex: removed }): Proposal => ({
        proposalType: proposalTypes.remove,
        removed,
      }))
      return commitOf([
        ...removes,
        adminPolicyProposal([device.pubkey]),
        replaceComponent(
          componentIds.groupProfile,
          encodeGroupProfile({ name: "mine", description: "" }),
        ),
      ])
    }
  }
}

/** One of the path's secrets opens for nobody; who needs it can't follow, and all others can. */
function unevenly(crypto: MlsCrypto, rng: Rng): MlsCrypto {
  let number = rng.int(0, 2)
  return {
    ...crypto,
    encryptAllWithLabel: async (...args) => {
      const sealed = await crypto.encryptAllWithLabel(...args)
      return sealed.map((each) => {
        if (number-- !== 0) return each
        return { ...each, ciphertext: each.ciphertext.map((byte) => byte ^ 1) }
      })
    },
  }
}

/** Another device of a member's account is added: no client of ours does it, and others may. */
async function secondDevice(
  device: Device,
  state: GroupState,
  { crypto, rng, now, keyPackages }: AdminWorld,
): Promise<AdminDeed | undefined> {
  const random = (length: number) => rng.bytes(length)
  const { leaves } = factsOf(state)
  const keys = new Set(
    leaves.map(({ leafIndex }) => bytesToHex(leafNodeOf(state, leafIndex).signatureKey)),
  )
  for (const event of keyPackages) {
    if (!leaves.some(({ account }) => account === event.pubkey)) continue
    const { invitee, keyPackage } = await checkKeyPackageEvent(crypto, event, now)
    if (keys.has(bytesToHex(keyPackage.leafNode.signatureKey))) continue
    const proposals = [{ proposalType: proposalTypes.add, keyPackage } as const]
    const context = mlsContext({ crypto, now, random })
    const { commit, welcome } = await createCommit(context, state, { proposals })
    if (welcome === undefined) return undefined
    const createdAt = Math.floor(now / 1000)
    const { keyPackageEventId } = invitee
    const { relays } = routeOf(state)
    const rumor = welcomeRumor({
      pubkey: device.pubkey,
      createdAt,
      welcome,
      keyPackageEventId,
      relays,
    })
    const signer = new LocalSigner(device.secretKey)
    return { commit, wraps: [await wrap({ signer, rumor, recipient: event.pubkey, now, random })] }
  }
  // Nobody has one that is not in the group yet: then one of their own, which nobody will use.
  const keyPackage = await anotherOwn(device, crypto, now)
  const context = mlsContext({ crypto, now, random })
  const proposals = [{ proposalType: proposalTypes.add, keyPackage } as const]
  return { commit: (await createCommit(context, state, { proposals })).commit, wraps: [] }
}

/** Of the same account by a new key, with all that it takes to be valid. */
async function anotherOwn(
  { pubkey, secretKey }: Device,
  crypto: MlsCrypto,
  now: number,
): Promise<KeyPackage> {
  const signatureKeyPair = await crypto.generateSignatureKeyPair()
  const key = { ciphersuite: crypto.suite.id, signaturePublicKey: signatureKeyPair.publicKey }
  const template = identityProofTemplate(key, Math.floor(now / 1000))
  const identityProof = identityProofFrom(template, finalizeEvent(template, secretKey), pubkey)
  const device = { pubkey, signatureKeyPair, identityProof }
  return (await generateOwnKeyPackage(crypto, { device, now })).keyPackage
}
