// RFC 9420 §12.4.3.1: joining with a Welcome.

import { constantTimeEqual, equalBytes } from "./bytes.ts"
import { decode } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { enterEpoch, resolvePsks } from "./epoch.ts"
import { MlsError } from "./error.ts"
import type {
  GroupState,
  JoinGroupOptions,
  JoinedGroup,
  MlsContext,
  Succession,
} from "./group-types.ts"
import { type OwnKeyPackage, keyPackageRef } from "./key-package.ts"
import { deriveEpochSecrets, welcomeKey, welcomeSecret } from "./key-schedule.ts"
import { decodeMlsMessage } from "./message.ts"
import { pskSecret } from "./psk.ts"
import { verifyPublicGroup } from "./public-group.ts"
import { labels, wireFormats } from "./registry.ts"
import { isSuccessionPsk, verifySuccessor, withParent } from "./successor.ts"
import { confirmationTag, interimTranscriptHash } from "./transcript.ts"
import { createTreePrivate, privateFromPathSecret } from "./tree-private.ts"
import { findLeaf } from "./tree.ts"
import { readMessage } from "./verify-message.ts"
import {
  type EncryptedGroupSecrets,
  type GroupInfo,
  type GroupSecrets,
  type Welcome,
  decodeGroupInfo,
  decodeGroupSecrets,
} from "./welcome-codec.ts"

/**
 * Joins the group of a Welcome with the one of our key packages that it was made for. Throws `MlsError`
 * `unexpected_message`, `welcome_not_for_us`, `welcome_suite`, `welcome_psk`, `psk_unknown`, `aead_failed`,
 * `confirmation_tag`, `own_leaf_missing`, `successor_parent`, `not_reinitialised`, `successor_parameters`,
 * `successor_members`, `aborted`, or as `inspectGroup`; or what the authentication service throws.
 */
export async function joinGroup(ctx: MlsContext, options: JoinGroupOptions): Promise<JoinedGroup> {
  const { crypto } = ctx
  const message = readMessage(ctx, options.welcome)
  if (message.wireFormat !== wireFormats.welcome) {
    throw new MlsError("unexpected_message", "no Welcome", "12.4.3.1")
  }
  const { welcome } = message
  const { own, ref, secrets } = findOwn(crypto, welcome, options.keyPackages)
  const groupSecrets = await openSecrets(crypto, welcome, { own, secrets })
  checkPsks(crypto, groupSecrets)
  const link = groupSecrets.psks.find(isSuccessionPsk)
  const succession = link && { usage: link.usage, groupId: link.pskGroupId, epoch: link.pskEpoch }
  const parent = parentOf(options, succession)
  const asked = parent === undefined ? ctx : withParent(ctx, parent)
  const psks = await resolvePsks(asked, groupSecrets.psks)
  const inputs = { joinerSecret: groupSecrets.joinerSecret, pskSecret: pskSecret(crypto, psks) }
  const groupInfo = await openGroupInfo(crypto, welcome, welcomeSecret(crypto, inputs))
  const { groupContext } = groupInfo
  checkResumption(groupSecrets, groupContext.epoch)
  const { tree, signer } = await verifyPublicGroup(ctx, groupInfo, options)
  if (link !== undefined && parent !== undefined) {
    verifySuccessor(ctx, parent, { psk: link, groupContext, tree })
  }
  // §12.4.3.1: "Identify a leaf whose LeafNode is identical to the one in the KeyPackage."
  const leafIndex = findLeaf(tree, own.keyPackage.leafNode)
  if (leafIndex === undefined) {
    throw new MlsError("own_leaf_missing", "our leaf is not in the tree", "12.4.3.1")
  }
  const leafOnly = createTreePrivate(leafIndex, own.encryptionPrivateKey)
  const { pathSecret } = groupSecrets
  const treePrivate =
    pathSecret === undefined
      ? leafOnly
      : (
          await privateFromPathSecret(crypto, tree, {
            treePrivate: leafOnly,
            sender: signer,
            pathSecret,
          })
        ).treePrivate
  const epochSecrets = deriveEpochSecrets(crypto, { ...inputs, groupContext })
  const confirmed = groupContext.confirmedTranscriptHash
  const tag = confirmationTag(crypto, epochSecrets.confirmationKey, confirmed)
  // §12.4.3.1: "Verify the confirmation tag in the GroupInfo".
  if (!constantTimeEqual(tag, groupInfo.confirmationTag)) {
    throw new MlsError("confirmation_tag", "the confirmation tag is wrong", "12.4.3.1")
  }
  const state = enterEpoch({
    epoch: {
      groupContext,
      epochSecrets,
      confirmationTag: tag,
      interimTranscriptHash: interimTranscriptHash(crypto, confirmed, tag),
    },
    tree,
    treePrivate,
    signaturePrivateKey: own.signaturePrivateKey,
  })
  const groupInfoExtensions = groupInfo.extensions
  return { state, keyPackageRef: ref, signer, groupInfoExtensions, succession }
}

/** The KeyPackageRefs that a Welcome, as an MLSMessage, is for. Throws `MlsError` as reading it does. */
export function welcomeRefs(welcome: Uint8Array): Uint8Array[] {
  const message = decodeMlsMessage(welcome)
  if (message.wireFormat !== wireFormats.welcome) {
    throw new MlsError("unexpected_message", "no Welcome", "12.4.3.1")
  }
  return message.welcome.secrets.map((secret) => secret.newMember)
}

interface Found {
  readonly own: OwnKeyPackage
  readonly secrets: EncryptedGroupSecrets
}

function findOwn(
  crypto: MlsCrypto,
  welcome: Welcome,
  keyPackages: readonly OwnKeyPackage[],
): Found & { readonly ref: Uint8Array } {
  for (const own of keyPackages) {
    if (own.keyPackage.cipherSuite !== crypto.suite.id) continue
    const ref = keyPackageRef(crypto, own.keyPackage)
    const secrets = welcome.secrets.find(({ newMember }) => equalBytes(newMember, ref))
    if (secrets === undefined) continue
    // §12.4.3.1: the suite of the Welcome is the key package's.
    if (welcome.cipherSuite !== own.keyPackage.cipherSuite) {
      throw new MlsError("welcome_suite", `cipher suite ${welcome.cipherSuite}`, "12.4.3.1")
    }
    return { own, ref, secrets }
  }
  throw new MlsError("welcome_not_for_us", "no secrets for a key package of ours", "12.4.3.1")
}

/** §11.2, §11.3: the group that the Welcome's follows; `undefined` where it follows none, and none was asked for. */
function parentOf(
  { parent }: JoinGroupOptions,
  succession: Succession | undefined,
): GroupState | undefined {
  if (succession === undefined) {
    if (parent === undefined || typeof parent === "function") return undefined
    // The PSK is what links the groups. Without it whoever knows the agreed parameters could have made this one.
    throw new MlsError("successor_parent", "no PSK links the group to the one given", "12.4.3.1")
  }
  const found = typeof parent === "function" ? parent(succession) : parent
  if (found !== undefined) return found
  // Without the old group nobody can tell whether this one follows it.
  throw new MlsError("successor_parent", "the old group was not given", "12.4.3.1")
}

async function openSecrets(
  crypto: MlsCrypto,
  welcome: Welcome,
  { own, secrets }: Found,
): Promise<GroupSecrets> {
  const bytes = await crypto.decryptWithLabel(
    own.initPrivateKey,
    labels.welcome,
    welcome.encryptedGroupInfo,
    secrets.encryptedGroupSecrets,
  )
  return decode(decodeGroupSecrets, bytes)
}

async function openGroupInfo(
  crypto: MlsCrypto,
  welcome: Welcome,
  secret: Uint8Array,
): Promise<GroupInfo> {
  const { key, nonce } = welcomeKey(crypto, secret)
  const bytes = await crypto.aeadOpen(key, nonce, new Uint8Array(), welcome.encryptedGroupInfo)
  return decode(decodeGroupInfo, bytes)
}

/** §12.4.3.1: at most one resumption PSK for reinit or branch; §8.4: nonces of KDF.Nh bytes. */
function checkPsks(crypto: MlsCrypto, { psks }: GroupSecrets): void {
  if (psks.some((psk) => psk.pskNonce.length !== crypto.suite.hash.size)) {
    throw new MlsError("psk_nonce", "a nonce of another length than KDF.Nh", "8.4")
  }
  if (psks.filter(isSuccessionPsk).length > 1) {
    throw new MlsError("welcome_psk", "several PSKs for reinit or branch", "12.4.3.1")
  }
}

/** §12.4.3.1: "If a PSK with usage reinit or branch is present, the epoch in the GroupInfo is 1." */
function checkResumption({ psks }: GroupSecrets, epoch: bigint): void {
  if (psks.some(isSuccessionPsk) && epoch !== 1n) {
    throw new MlsError("welcome_psk", `reinit or branch in epoch ${epoch}`, "12.4.3.1")
  }
}
