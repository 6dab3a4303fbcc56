// Marmot retained history §9.1: secrets of states that are no longer retained are overwritten, and of an ended group none stay.

import type { GroupState } from "../mls/index.ts"
import type { MarmotGroup } from "./engine-types.ts"
import { knownEventKeys } from "./event-key.ts"

/** Every state that a group holds: retained, passed, staged, or set aside. */
export function statesOf({ states, reading, pending, abandoned }: MarmotGroup): GroupState[] {
  const own = [...(pending === undefined ? [] : [pending]), ...abandoned.values()]
  const passed = reading?.passed.values() ?? []
  return [...states.values(), ...passed, ...own.map(({ node }) => node)].flatMap(
    ({ mls }) => mls ?? [],
  )
}

/**
 * Overwrites the secrets of `released` states that no state of `kept` shares. States are values: call this once the
 * successor is stored and nothing can go back to the group of before.
 */
export function wipe(released: readonly GroupState[], kept: MarmotGroup | undefined): void {
  // Most steps release nothing.
  if (released.length === 0) return
  const shared = new Map<ArrayBufferLike, Set<number>>()
  for (const secret of kept === undefined ? [] : statesOf(kept).flatMap(secretsOf)) {
    const starts = shared.get(secret.buffer) ?? new Set()
    shared.set(secret.buffer, starts.add(secret.byteOffset))
  }
  for (const secret of released.flatMap(secretsOf)) {
    if (shared.get(secret.buffer)?.has(secret.byteOffset) !== true) secret.fill(0)
  }
}

/** Application messages of the epoch can still be read, with their attachments; no Commit can be made or taken. */
export function messagesOnly(state: GroupState): GroupState {
  const { senderDataSecret, exporterSecret } = state.epochSecrets
  const bare = withoutSecrets(state)
  return {
    ...bare,
    epochSecrets: { ...bare.epochSecrets, senderDataSecret, exporterSecret },
    secretTree: state.secretTree,
  }
}

/** Who was in the group and what it was called can still be read; no message can, and nothing can be signed. */
export function withoutSecrets(state: GroupState): GroupState {
  const none = new Uint8Array()
  return {
    ...state,
    epochSecrets: {
      senderDataSecret: none,
      encryptionSecret: none,
      exporterSecret: none,
      externalSecret: none,
      confirmationKey: none,
      membershipKey: none,
      resumptionPsk: none,
      // Two members compare it; it opens nothing.
      epochAuthenticator: state.epochSecrets.epochAuthenticator.slice(),
      initSecret: none,
      applicationExportSecret: none,
    },
    signaturePrivateKey: none,
    proposals: new Map(),
    treePrivate: { ...state.treePrivate, keys: new Map() },
    secretTree: { ...state.secretTree, subtrees: new Map(), ratchets: new Map() },
    exporterTree: { subtrees: new Map() },
  }
}

/** All but the signature key, which is the device's and outlives every group. */
export function secretsOf(state: GroupState): Uint8Array[] {
  const { epochSecrets, secretTree, treePrivate, exporterTree } = state
  const ratchets = [...secretTree.ratchets.values()].flatMap(({ handshake, application }) => [
    handshake,
    application,
  ])
  return [
    ...Object.values<Uint8Array>({ ...epochSecrets }),
    ...knownEventKeys(state),
    ...treePrivate.keys.values(),
    ...secretTree.subtrees.values(),
    ...exporterTree.subtrees.values(),
    ...ratchets.flatMap(({ secret, skipped }) => [
      secret,
      ...[...skipped.values()].flatMap(({ key, nonce }) => [key, nonce]),
    ]),
  ]
}
