// RFC 9420 §8, §11, §12: the values that group operations take and give.

import type { AppDataLogic } from "./app-data.ts"
import type { MlsCrypto } from "./crypto.ts"
import type { Credential } from "./credential.ts"
import type { ExporterTree } from "./exporter-tree.ts"
import type { Extension } from "./extensions.ts"
import type { ContentType, Sender } from "./framing.ts"
import type { KeyPackage, OwnKeyPackage } from "./key-package.ts"
import type { EpochSecrets, GroupContext } from "./key-schedule.ts"
import type { Capabilities, LeafNode } from "./leaf-node.ts"
import type { Proposal, ReInit } from "./proposal-codec.ts"
import type { PreSharedKeyId, ResumptionUsage } from "./psk.ts"
import type { SecretTree } from "./secret-tree.ts"
import type { RatchetTree } from "./tree.ts"
import type { LeafIndex } from "./tree-math.ts"
import type { TreePrivate } from "./treekem.ts"

/**
 * One member's view of one epoch. A value: no operation changes it, each gives its successor. An older value
 * stays usable for the messages of its epoch. Crypto is not inside; it is passed with each call. Secret; and no plain
 * object: another thread, or a database, gets it as `encodeGroupState` writes it.
 */
export interface GroupState {
  readonly groupContext: GroupContext
  readonly tree: RatchetTree
  readonly ownLeafIndex: LeafIndex
  readonly epochSecrets: EpochSecrets
  readonly confirmationTag: Uint8Array
  readonly interimTranscriptHash: Uint8Array
  readonly signaturePrivateKey: Uint8Array
  /** Proposals of this epoch that may be committed by reference, by the hex of their ProposalRef, in arrival order. */
  readonly proposals: ReadonlyMap<string, CachedProposal>
  /** The ReInit that ended this group: nothing may be sent or processed any more (§11.2). */
  readonly reInit: ReInit | undefined
  /** Private keys of the ratchet tree that this member knows. */
  readonly treePrivate: TreePrivate
  /** Message keys of this epoch. */
  readonly secretTree: SecretTree
  /** Secrets of components that were not exported in this epoch yet (draft §4.4). */
  readonly exporterTree: ExporterTree
}

/** A proposal that was received, or sent, in this epoch. */
export interface CachedProposal {
  readonly ref: Uint8Array
  readonly proposal: Proposal
  readonly sender: Sender
  /** For our own Update: the private keys that its leaf node needs. */
  readonly ownUpdate?: OwnUpdate
}

/** The private keys that go with an Update of ours, once it is committed. */
export interface OwnUpdate {
  readonly encryptionPrivateKey: Uint8Array
  readonly signaturePrivateKey: Uint8Array
}

/**
 * The authentication service (§5.3.1), asked about every new or changed leaf and about every leaf at joining.
 * Refuses by throwing: `MlsError` `credential_rejected` or an error of its own.
 */
export interface AuthenticationService {
  /**
   * May this credential go with this signature key? `leafNode`: whose they are; `undefined` for an entry of the group's
   * external_senders (§12.1.8.1).
   */
  validate(
    credential: Credential,
    signaturePublicKey: Uint8Array,
    leafNode: LeafNode | undefined,
  ): Promise<void> | void
  /**
   * May `next` replace `current` (§5.3.1), in the same leaf or by an external commit that removes `current`? Default: any
   * credential that `validate` accepts, and in an external commit only the same member's (`memberId`).
   */
  validSuccessor?(current: LeafNode, next: LeafNode): Promise<boolean> | boolean
  /**
   * Whom a leaf presents (identifiers of §5.3.3), for comparing the members of two groups (§11.2, §11.3) and one who
   * joins again with its former leaf (§12.4.3.2). Default: the bytes of its credential.
   */
  memberId?(leafNode: LeafNode): string
}

/** Pre-shared keys by their id (§8.4); `undefined`: not known. */
export interface PskStore {
  psk(id: PreSharedKeyId): Promise<Uint8Array | undefined> | Uint8Array | undefined
}

/** Bounds on what a peer can make us do; each but `maxLifetime`, which is the application's to know, has a safe default. */
export interface MlsLimits {
  /** Largest decoded tree, in leaves. Default 2^17. */
  readonly maxLeaves?: number
  /**
   * Longest lifetime of a leaf, in seconds, from its first moment to its last (§7.2: "Applications MUST define a maximum
   * total lifetime that is acceptable"). Of every leaf that came with a KeyPackage, be it added or found in a tree: all
   * members should have the same limit, whatever their clocks say. Default: any.
   */
  readonly maxLifetime?: number
  /**
   * Largest MLSMessage that is looked at, in bytes, and the largest that is made (`sending_limit`): all members should
   * have the same limit. Default 64 MiB.
   */
  readonly maxMessageSize?: number
  /** Proposals that the cache holds; more are refused with `too_many_proposals`. Default 1,000. */
  readonly maxCachedProposals?: number
  /** Message keys kept for messages that come late. Default 100. */
  readonly outOfOrder?: number
  /** Generations that one message may skip. Default 1,000. */
  readonly forward?: number
  /**
   * PrivateMessages of ours in one epoch (§15.2). Default 2^24. Each has a key of its own, so that the bound of its AEAD
   * on one key is a bound on the message's length: 64 MiB is 2^22 blocks of AES, of 2^32 that GCM allows.
   */
  readonly maxSent?: number
}

/** Zero bytes to append to a content of `length` bytes (§6.3.1, §15.1). */
export type PaddingPolicy = (length: number) => number

/** What every operation gets from outside. */
export interface MlsContext {
  /** Of the group's cipher suite. */
  readonly crypto: MlsCrypto
  /** The time in seconds since 1970; without it lifetimes (§7.2) are not checked. */
  readonly now?: number
  /** Without it every credential is accepted. */
  readonly auth?: AuthenticationService
  /** Without it none is known but the resumption PSK of the state's own epoch. */
  readonly psks?: PskStore
  readonly limits?: MlsLimits
  /** Default: an update is the component's whole new state, and there is at most one. */
  readonly appDataUpdates?: AppDataLogic
  /** Of PrivateMessages for which the call names no padding. Default: none. */
  readonly padding?: PaddingPolicy
  /**
   * §12.4: who has seen proposals in an epoch "MUST send a Commit message before sending application data". True, the
   * default: `encryptApplication` refuses while any wait. False: the application says who commits, and when.
   */
  readonly commitBeforeSending?: boolean
}

/** A group to be founded. */
export interface CreateGroupOptions {
  /** The caller's, who makes it unique. */
  readonly groupId: Uint8Array
  /** The founder's. Its init key is not used. */
  readonly keyPackage: OwnKeyPackage
  /** Of the GroupContext. */
  readonly extensions: readonly Extension[]
}

/** Whether a handshake message is a PublicMessage, which all can read, or a PrivateMessage. */
export type HandshakeWireFormat = "public" | "private"

/** How a proposal is sent. */
export interface CreateProposalOptions {
  /** Default "public". */
  readonly wireFormat?: HandshakeWireFormat
  /** As in `EncryptOptions`. */
  readonly authenticatedData?: Uint8Array
}

/** What an own leaf node says, where it is to change. What is absent stays, but the encryption key: that is always new. */
export interface LeafNodeChanges {
  readonly extensions?: readonly Extension[]
  readonly capabilities?: Capabilities
  readonly credential?: Credential
  readonly signatureKeyPair?: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }
}

/** A proposal of ours, to be sent. */
export interface CreatedProposal {
  /** The same epoch, with the proposal in its cache. */
  readonly state: GroupState
  /** An MLSMessage. */
  readonly message: Uint8Array
  /** `ProposalRef` (§5.2): by it a commit names the proposal. */
  readonly ref: Uint8Array
}

/** What a commit is to do. With nothing of it: to renew our keys. */
export interface CreateCommitOptions {
  /** Proposals by value. */
  readonly proposals?: readonly Proposal[]
  /** Proposals of the cache by reference; "all" leaves out those that can't be committed (§12.4). Default: none. */
  readonly proposalRefs?: readonly Uint8Array[] | "all"
  /** A path even where none is required (§12.4). */
  readonly forcePath?: boolean
  /** Changes of the committer's leaf; they need a path, so a path is made. */
  readonly leafNode?: LeafNodeChanges
  /** Default "public". */
  readonly wireFormat?: HandshakeWireFormat
  /** Whether the Welcome carries the ratchet tree. Default true. */
  readonly ratchetTree?: boolean
  /** As in `EncryptOptions`. */
  readonly authenticatedData?: Uint8Array
  /** Further extensions of the Welcome's GroupInfo. */
  readonly groupInfoExtensions?: readonly Extension[]
}

/** A commit that waits to be accepted. */
export interface CreatedCommit {
  /** An MLSMessage. */
  readonly commit: Uint8Array
  /** An MLSMessage for all added members; absent when nobody was added. */
  readonly welcome?: Uint8Array
  /** KeyPackageRefs of those added, in the order of the Welcome. */
  readonly welcomedRefs: readonly Uint8Array[]
  /** To be taken once the commit is accepted, or dropped. */
  readonly next: GroupState
  /** The epoch of before; after a commit in a PrivateMessage without the message key that was used for it. */
  readonly state: GroupState
  readonly summary: CommitSummary
}

/** A proposal as a commit carried it. */
export interface CommittedProposal {
  readonly proposal: Proposal
  readonly sender: Sender
  readonly byReference: boolean
  readonly ref?: Uint8Array
}

/** What a commit does, to be looked at before it is taken. */
export interface CommitSummary {
  readonly sender: Sender
  /** The leaf of the committer; for an external commit, its new leaf. */
  readonly committer: LeafIndex
  /** The committer's leaf: before the commit, or the new one for an external commit. */
  readonly committerLeaf: LeafNode
  readonly external: boolean
  readonly proposals: readonly CommittedProposal[]
  readonly hasPath: boolean
  readonly authenticatedData: Uint8Array
  readonly added: readonly LeafIndex[]
  /** Removed leaves as they were before the commit, including those of SelfRemove. */
  readonly removed: readonly RemovedMember[]
  /** Whether this client's own leaf was removed. */
  readonly selfRemoved: boolean
  /** The GroupContext of the new epoch; `undefined` when we were removed. */
  readonly newGroupContext: GroupContext | undefined
}

/** A member whom a commit removed, as it was. */
export interface RemovedMember {
  readonly leafIndex: LeafIndex
  readonly credential: Credential
  readonly leafNode: LeafNode
}

/** What a member wrote. */
export interface ProcessedApplication {
  readonly kind: "application"
  /** The same epoch without the used message key. */
  readonly state: GroupState
  readonly data: Uint8Array
  readonly sender: LeafIndex
  readonly senderCredential: Credential
  readonly authenticatedData: Uint8Array
  readonly epoch: bigint
  /** The message's number among those of its sender in this epoch, from 0. */
  readonly generation: number
}

/** Another's proposal. Whether it can be committed is seen when it is. */
export interface ProcessedProposal {
  readonly kind: "proposal"
  /** The same epoch with the proposal in its cache. */
  readonly state: GroupState
  readonly ref: Uint8Array
  readonly proposal: Proposal
  readonly sender: Sender
  readonly authenticatedData: Uint8Array
}

/** Another's commit, verified in all that §12.4.2 asks. Nothing has happened until `next` is taken. */
export interface ProcessedCommit {
  readonly kind: "commit"
  /** The epoch of before; after a commit in a PrivateMessage without the message key that opened it. */
  readonly state: GroupState
  /** `undefined`: the commit removed us. */
  readonly next: GroupState | undefined
  readonly commit: CommitSummary
}

/** What a message to the group was. */
export type Processed = ProcessedApplication | ProcessedProposal | ProcessedCommit

/** What a PublicMessage says of itself once its membership tag and signature are verified. */
export interface IdentifiedSender {
  readonly epoch: bigint
  readonly sender: Sender
  readonly contentType: ContentType
}

/** How application data is sent. */
export interface EncryptOptions {
  /**
   * Sent in the clear, and signed. Default: nothing; in a group with safe_aad, where it must be a SafeAAD
   * (`encodeSafeAad`), one without items.
   */
  readonly authenticatedData?: Uint8Array
  /** Zero bytes appended inside the encryption (§6.3.1). Default: what the context's policy says. */
  readonly padding?: number
}

/** Application data, to be sent. */
export interface EncryptedApplication {
  /** The same epoch without the used message key: the next message is made from this. */
  readonly state: GroupState
  /** The message's number among ours in this epoch, from 0. */
  readonly generation: number
  /** An MLSMessage. */
  readonly message: Uint8Array
}

/** For what takes long in a large group: it goes on in parts, between which the caller is asked. */
export interface LongWork {
  /** How many leaves of how many were verified. A promise that it returns is awaited. */
  readonly onProgress?: (done: number, total: number) => Promise<void> | void
  /** Once it is aborted, the work ends with `MlsError` `aborted`. */
  readonly signal?: AbortSignal
}

/** How a group follows another one: by its reinitialisation (§11.2), or as a branch (§11.3). */
export interface Succession {
  readonly usage: Exclude<ResumptionUsage, "application">
  /** Of the group that is followed, and the epoch from which it is. */
  readonly groupId: Uint8Array
  readonly epoch: bigint
}

/** What joining with a Welcome needs. */
export interface JoinGroupOptions extends LongWork {
  /** An MLSMessage that carries a Welcome. */
  readonly welcome: Uint8Array
  readonly keyPackages: readonly OwnKeyPackage[]
  /** The ratchet_tree extension's data, where the Welcome does not carry it. */
  readonly ratchetTree?: Uint8Array
  /**
   * The group that the Welcome's group must follow, by reinitialisation or branching (§11.2, §11.3), in the epoch that it
   * follows. Of a branch it may be in another epoch, if `psks` knows the key of the right one: the members of the state
   * given are what the branch's are compared with. Or what finds that group: it is asked if the Welcome names one, and
   * `undefined` refuses the Welcome.
   */
  readonly parent?: GroupState | ((succession: Succession) => GroupState | undefined)
}

/** A group that was joined with a Welcome. */
export interface JoinedGroup {
  readonly state: GroupState
  /** Which of our key packages was used. */
  readonly keyPackageRef: Uint8Array
  /** The member who made the Welcome. */
  readonly signer: LeafIndex
  /** All extensions of the Welcome's GroupInfo, ratchet_tree included. */
  readonly groupInfoExtensions: readonly Extension[]
  /** The group that this one follows, as was verified; `undefined`: it follows none. */
  readonly succession: Succession | undefined
}

/** What joining without a Welcome needs. */
export interface JoinExternallyOptions extends LongWork {
  /** An MLSMessage that carries a GroupInfo with external_pub. */
  readonly groupInfo: Uint8Array
  /** The ratchet_tree extension's data, where the GroupInfo does not carry it. */
  readonly ratchetTree?: Uint8Array
  readonly credential: Credential
  readonly signatureKeyPair: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }
  readonly capabilities: Capabilities
  readonly leafExtensions?: readonly Extension[]
  /** The leaf of our former self, to be removed in the same commit (§12.4.3.2). */
  readonly resync?: LeafIndex
  /** External PSKs to inject. */
  readonly psks?: readonly PreSharedKeyId[]
  /** PublicMessages with SelfRemove proposals of this epoch, to be committed by reference. */
  readonly selfRemoves?: readonly Uint8Array[]
  /** AppDataUpdate and AppEphemeral proposals by value. */
  readonly proposals?: readonly Proposal[]
  /** As in `EncryptOptions`. */
  readonly authenticatedData?: Uint8Array
}

/** A group that was joined by an external commit, if that is accepted. */
export interface JoinedExternally {
  /** An MLSMessage, to be sent to the group. */
  readonly commit: Uint8Array
  /** The epoch that the commit begins. */
  readonly state: GroupState
}

/** A group to be made from another one's members. */
export interface SuccessorOptions {
  /** Our leaf in the new group, of the new group's cipher suite. */
  readonly keyPackage: OwnKeyPackage
  /** KeyPackages of the other members. */
  readonly members: readonly KeyPackage[]
  /** As in `CreateCommitOptions`. */
  readonly forcePath?: boolean
  /** Whether the Welcome carries the ratchet tree. Default true. */
  readonly ratchetTree?: boolean
}

/** A group to be branched off. */
export interface BranchOptions extends SuccessorOptions {
  /** The caller's, who makes it unique. */
  readonly groupId: Uint8Array
  /** Of the GroupContext. */
  readonly extensions: readonly Extension[]
}

/** A proposal from one who is no member (§12.1.8). */
export interface ExternalProposalOptions {
  /** An MLSMessage with the group's GroupInfo. Its signature is not verified: it says for whom the proposal is. */
  readonly groupInfo: Uint8Array
  readonly proposal: Proposal
  /** The proposer's entry in the group's external_senders. */
  readonly senderIndex: number
  readonly signaturePrivateKey: Uint8Array
  /** As in `EncryptOptions`. */
  readonly authenticatedData?: Uint8Array
}

/** A wish to be added, from one who is no member (§12.1.8). */
export interface NewMemberProposalOptions {
  /** As in `ExternalProposalOptions`. */
  readonly groupInfo: Uint8Array
  /** Whom the proposal adds: oneself. */
  readonly keyPackage: OwnKeyPackage
  /** As in `EncryptOptions`. */
  readonly authenticatedData?: Uint8Array
}

/** What a GroupInfo carries beside the GroupContext. */
export interface ExportGroupInfoOptions {
  /** Adds external_pub, so that others can join by an external commit. Default false. */
  readonly externalPub?: boolean
  /** Adds the ratchet tree, without which others need `exportRatchetTree`. Default false. */
  readonly ratchetTree?: boolean
  /** Further ones. */
  readonly extensions?: readonly Extension[]
}

/** A GroupState as bytes. */
export interface EncodedGroupState {
  /** Within an epoch this changes with the proposal cache and the components' exports only. */
  readonly epoch: Uint8Array
  /** The secret tree: changes with every message sent or received. */
  readonly messageKeys: Uint8Array
}

/** What can be read from an MLSMessage without keys. */
export interface PeekedMessage {
  readonly wireFormat: number
  readonly groupId?: Uint8Array
  readonly epoch?: bigint
  readonly contentType?: ContentType
  /** Of a PublicMessage from a member. */
  readonly senderLeaf?: LeafIndex
}
