// An Update of a member on ts-mls. Its API frames, sends and applies Updates, but cannot make one: no function of it signs
// such a leaf, and it does not put the new private key in place. The caller does both, here.

import * as peer from "ts-mls"
import * as mls from "../../src/mls/index.ts"
import { type LeafNodeContent, signLeafNode } from "../../src/mls/leaf-node.ts"

export const isEdwards = (suite: number) => mls.cipherSuite(suite).signature.name === "Ed25519"

/** As this implementation has it: of Ed25519 the seed, which is the end of what ts-mls holds in PKCS #8; a scalar as it is. */
export function signatureKeyOf(suite: number, { signaturePrivateKey }: peer.ClientState) {
  return isEdwards(suite) ? signaturePrivateKey.slice(-32) : signaturePrivateKey
}

/** An Update with a new encryption key (§7.2, §12.1.2), and the private half of it. */
export async function peerUpdate(
  { cipherSuite: { id, hpke } }: peer.MlsContext,
  state: peer.ClientState,
  keyPackage: mls.KeyPackage,
): Promise<{ proposal: peer.ProposalUpdate; privateKey: Uint8Array }> {
  const pair = await hpke.generateKeyPair()
  const encryptionKey = await hpke.exportPublicKey(pair.publicKey)
  const { leafNode } = keyPackage
  const content: LeafNodeContent = { ...leafNode, encryptionKey, source: { kind: "update" } }
  const { signature } = await signLeafNode(await mls.createCrypto({ suite: mls.cipherSuite(id) }), {
    content,
    signaturePrivateKey: signatureKeyOf(id, state),
    position: {
      groupId: state.groupContext.groupId,
      leafIndex: state.privatePath.leafIndex,
    },
  })
  const { credential, capabilities, signaturePublicKey, extensions } = peer.getOwnLeafNode(state)
  const leaf: peer.LeafNodeUpdate = {
    hpkePublicKey: encryptionKey,
    signaturePublicKey,
    credential,
    capabilities,
    leafNodeSource: peer.leafNodeSources.update,
    extensions,
    signature,
  }
  return {
    proposal: { proposalType: peer.defaultProposalTypes.update, update: { leafNode: leaf } },
    privateKey: await hpke.exportPrivateKey(pair.privateKey),
  }
}

/** The state that reads what is encrypted to this key of the own leaf. */
export function withLeafKey(state: peer.ClientState, key: Uint8Array): peer.ClientState {
  const { privatePath } = state
  const privateKeys = { ...privatePath.privateKeys, [2 * privatePath.leafIndex]: key }
  return { ...state, privatePath: { ...privatePath, privateKeys } }
}
