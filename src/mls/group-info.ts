// RFC 9420 §12.4.3: GroupInfo, what a group says of itself to those who join, and the Welcome that carries it.

import { inBatches, inTurns } from "./batches.ts"
import { packed } from "./bytes.ts"
import { encode } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { type Extension, encodeExternalPub, requireUniqueExtensions } from "./extensions.ts"
import type { ExportGroupInfoOptions, GroupState, MlsContext } from "./group-types.ts"
import { type KeyPackage, keyPackageRef } from "./key-package.ts"
import { welcomeKey, welcomeSecret } from "./key-schedule.ts"
import { messageToSend, requireUsable } from "./member-message.ts"
import type { PreSharedKeyId } from "./psk.ts"
import { encodeRatchetTree, ratchetTreeEncoding } from "./ratchet-tree-codec.ts"
import { extensionTypes, labels, wireFormats } from "./registry.ts"
import {
  type GroupInfo,
  encodeGroupInfo,
  encodeGroupSecrets,
  groupInfoSize,
  groupInfoTbs,
} from "./welcome-codec.ts"

/** Members whose KeyPackageRefs are made at a time. */
const PART = 512

/**
 * The group's current GroupInfo as an MLSMessage. Throws `MlsError` `group_reinitialised`,
 * `extension_duplicate`, `sending_limit`.
 */
export async function exportGroupInfo(
  ctx: MlsContext,
  state: GroupState,
  options: ExportGroupInfoOptions = {},
): Promise<Uint8Array> {
  requireUsable(ctx, state)
  const extensions = [
    ...(options.externalPub ? [await externalPub(ctx.crypto, state)] : []),
    ...(options.ratchetTree ? [await ratchetTree(state)] : []),
    ...(options.extensions ?? []),
  ]
  const groupInfo = await signGroupInfo(ctx.crypto, state, extensions)
  return messageToSend(ctx, { wireFormat: wireFormats.groupInfo, groupInfo })
}

/** §8: the key pair whose public part external_pub carries. */
export function externalKeyPair(crypto: MlsCrypto, externalSecret: Uint8Array) {
  return crypto.deriveKemKeyPair(externalSecret)
}

export interface WelcomeContents {
  /** The committer's state after the commit. */
  readonly next: GroupState
  readonly joinerSecret: Uint8Array
  readonly pskSecret: Uint8Array
  readonly psks: readonly PreSharedKeyId[]
  readonly newMembers: readonly NewMember[]
  /** Whether the GroupInfo carries the tree. */
  readonly withRatchetTree: boolean
  readonly extensions: readonly Extension[]
}

export interface NewMember {
  readonly keyPackage: KeyPackage
  readonly pathSecret: Uint8Array | undefined
}

/**
 * One Welcome for all who were added (§12.4.3.1), as an MLSMessage, and their KeyPackageRefs in its order. Throws
 * `MlsError` `sending_limit`.
 */
export async function createWelcome(
  ctx: MlsContext,
  contents: WelcomeContents,
): Promise<{ readonly welcome: Uint8Array; readonly refs: readonly Uint8Array[] }> {
  const { crypto } = ctx
  const { joinerSecret, psks, newMembers } = contents
  const encryptedGroupInfo = await sealGroupInfo(crypto, contents)
  /** The GroupSecrets by path secret: most members get the same. */
  const known = new Map<Uint8Array | undefined, Uint8Array>()
  const secretsFor = (pathSecret: Uint8Array | undefined) => {
    const plaintext =
      known.get(pathSecret) ?? encode(encodeGroupSecrets, { joinerSecret, pathSecret, psks })
    known.set(pathSecret, plaintext)
    return plaintext
  }
  const sealed = await crypto.encryptAllWithLabel(
    labels.welcome,
    encryptedGroupInfo,
    newMembers.map(({ keyPackage, pathSecret }) => ({
      publicKey: keyPackage.initKey,
      plaintext: secretsFor(pathSecret),
    })),
  )
  const refs = await inBatches(newMembers, PART, (part) =>
    Promise.resolve(packed(part.map(({ keyPackage }) => keyPackageRef(crypto, keyPackage)))),
  )
  const secrets = sealed.map((encryptedGroupSecrets, i) => {
    const newMember = refs[i]
    if (newMember === undefined) throw new MlsError("internal", "secrets for nobody")
    return { newMember, encryptedGroupSecrets }
  })
  const welcome = { cipherSuite: crypto.suite.id, secrets, encryptedGroupInfo }
  return {
    welcome: messageToSend(ctx, { wireFormat: wireFormats.welcome, welcome }),
    refs,
  }
}

/** By itself, so that all that it is made of, each as long as the group, goes before anything is sealed to the members. */
async function sealGroupInfo(crypto: MlsCrypto, contents: WelcomeContents): Promise<Uint8Array> {
  const { next, joinerSecret, pskSecret } = contents
  const extensions = [
    ...(contents.withRatchetTree ? [await ratchetTree(next)] : []),
    ...contents.extensions,
  ]
  const groupInfo = await signGroupInfo(crypto, next, extensions)
  const { key, nonce } = welcomeKey(crypto, welcomeSecret(crypto, { joinerSecret, pskSecret }))
  const bytes = encode(encodeGroupInfo, groupInfo, groupInfoSize(groupInfo))
  return crypto.aeadSeal(key, nonce, new Uint8Array(), bytes)
}

async function signGroupInfo(
  crypto: MlsCrypto,
  state: GroupState,
  extensions: readonly Extension[],
): Promise<GroupInfo> {
  requireUniqueExtensions(extensions)
  const { groupContext, confirmationTag, ownLeafIndex: signer } = state
  const content = { groupContext, extensions, confirmationTag, signer }
  const tbs = groupInfoTbs(content)
  const signature = await crypto.sign(state.signaturePrivateKey, labels.groupInfoTbs, tbs)
  return { ...content, signature }
}

/** The data of a ratchet_tree extension (§12.4.3.3), to be handed over beside a Welcome or GroupInfo without one. */
export function exportRatchetTree(state: GroupState): Uint8Array {
  return encodeRatchetTree(state.tree)
}

async function ratchetTree({ tree }: GroupState): Promise<Extension> {
  return { type: extensionTypes.ratchetTree, data: await inTurns(ratchetTreeEncoding(tree)) }
}

async function externalPub(crypto: MlsCrypto, state: GroupState): Promise<Extension> {
  const { publicKey } = await externalKeyPair(crypto, state.epochSecrets.externalSecret)
  return { type: extensionTypes.externalPub, data: encodeExternalPub(publicKey) }
}

/**
 * §12.4.3.1: "Verify that the cipher_suite in the GroupInfo matches the cipher_suite in the KeyPackage." Throws `MlsError`
 * `welcome_suite`.
 */
export function requireGroupSuite({ suite }: MlsCrypto, { groupContext }: GroupInfo): void {
  if (groupContext.cipherSuite === suite.id) return
  const message = `the group has cipher suite ${groupContext.cipherSuite}`
  throw new MlsError("welcome_suite", message, "12.4.3.1")
}

/** The signature of a GroupInfo, by the signer's leaf. Throws `MlsError` `group_info_signature`. */
export async function verifyGroupInfo(
  crypto: MlsCrypto,
  groupInfo: GroupInfo,
  signatureKey: Uint8Array,
): Promise<void> {
  const valid = await crypto.verify({
    publicKey: signatureKey,
    label: labels.groupInfoTbs,
    content: groupInfoTbs(groupInfo),
    signature: groupInfo.signature,
  })
  // §12.4.3.1: "Verify the signature on the GroupInfo object."
  if (!valid) throw new MlsError("group_info_signature", "the signature is wrong", "12.4.3.1")
}
