// The engine's vocabulary: what goes in (inputs), what comes out (effects), and the group's record between.

import type { GroupState, KeyPair, MlsCrypto } from "../mls/index.ts"
import type { NostrEvent, Rumor } from "../nostr/event.ts"
import type { BlossomImage } from "./components/blossom-image.ts"
import type { InputVerdict } from "./verdict.ts"
import type { MediaKeys } from "./media-file.ts"
import type { FeatureName } from "./registry.ts"

/** What the world lends to a step: no clock, randomness or I/O of the engine's own. */
export interface EngineEnv {
  readonly crypto: MlsCrypto
  /** Milliseconds since 1970. */
  readonly now: number
  /** Fresh random bytes. */
  readonly random: (length: number) => Uint8Array
  /** Resolves when others have had their turn in the thread: awaited now and then in a step of many events. */
  readonly othersTurn?: (() => Promise<void>) | undefined
}

/** One account on one device: its MLS signature key and the proof that the account authorised that key. */
export interface DeviceIdentity {
  /** Account, 64 hex. */
  readonly pubkey: string
  readonly signatureKeyPair: KeyPair
  /** Component 0x8009, 104 bytes. */
  readonly identityProof: Uint8Array
}

/** Someone to add: a KeyPackage that `checkKeyPackageEvent` accepted. */
export interface Invitee {
  readonly pubkey: string
  readonly keyPackageEventId: string
  /** The decoded event content: an MLSMessage with a KeyPackage. */
  readonly keyPackage: Uint8Array
}

/** Hex SHA-256 of a complete serialized MLSMessage (marmot-wire §4.1). */
export type MessageId = string
/** Names a retained group state: the `MessageId` of the Commit that made it, or `origin:<epoch>`. */
export type StateId = string

/** A retained state of the group, on the canonical path or on a rival branch. */
export interface StateNode {
  readonly id: StateId
  readonly parent: StateId | undefined
  readonly epoch: number
  /** Absent where the Commit removed this device: nothing can be opened there. */
  readonly mls: GroupState | undefined
  /** Absent for the state that this device created or joined with. */
  readonly edge: CommitEdge | undefined
  /** A convergence pass has weighed it (or it was made here); a state that was not opens a pass. */
  readonly judged: boolean
}

/** What a Commit did, as far as selection, notification and retry need it. */
export interface CommitEdge {
  /** Account of the committer, 64 hex. */
  readonly committer: string
  /** Its own authorization rule demands an active admin (`tip_priority`). */
  readonly privileged: boolean
  /** The rows that the application shows for it. */
  readonly rows: readonly GroupChange[]
  /** It removed this device's leaf; `byOwnRequest` when it consumed our SelfRemove. */
  readonly removedSelf: "removed" | "left" | undefined
  readonly disbands: boolean
  /** Milliseconds, local receipt or creation; for display only. */
  readonly seenAt: number
  /** Made here. */
  readonly own: boolean
}

export type GroupChange =
  | { readonly type: "member_added"; readonly actor: string; readonly subject: string }
  | { readonly type: "member_removed"; readonly actor: string; readonly subject: string }
  | { readonly type: "member_left"; readonly subject: string }
  | { readonly type: "admin_added"; readonly actor: string; readonly subject: string }
  | { readonly type: "admin_removed"; readonly actor: string; readonly subject: string }
  | {
      readonly type: "group_renamed"
      readonly actor: string
      readonly name: string
      readonly oldName?: string
    }
  | { readonly type: "description_changed"; readonly actor: string }
  | { readonly type: "group_avatar_changed"; readonly actor: string }
  /** Seconds; 0: messages stay. */
  | {
      readonly type: "disappearing_timer_changed"
      readonly actor: string
      readonly before: number
      readonly after: number
    }
  /** Other relays, or another routing id. */
  | { readonly type: "routing_changed"; readonly actor: string }
  | { readonly type: "group_disbanded"; readonly actor: string }

/** An authenticated application message and the state under which it opened: also a branch witness. */
export interface AppRecord {
  readonly messageId: MessageId
  readonly stateId: StateId
  readonly epoch: number
  /** Sending account, 64 hex. */
  readonly account: string
  /** Id of the inner event; absent where the payload was unusable: it witnesses nothing and shows nothing. */
  readonly innerId: string | undefined
  /** Kept until it was shown; of our own, as long as it could still be withdrawn and sent again. */
  readonly event: Rumor | undefined
  /** Unix seconds: when nothing of it may be readable here any more. */
  readonly expiresAt?: number | undefined
  /** What the application was last told about it. */
  readonly shown: "held" | "shown" | "withdrawn"
  readonly own: boolean
  /** Of our own: the id of the kind 445 event that no relay has acknowledged in time so far. */
  readonly unacknowledged?: string | undefined
  /** Of our own: when a relay acknowledged it, in time or not (milliseconds). */
  readonly acknowledgedAt?: number | undefined
  /** Of our own: how often it was encrypted anew although it had been acknowledged. */
  readonly repeats?: number | undefined
}

/** A Commit whose outer layer opened but which can't be judged yet (a proposal that it names is missing). */
export interface DeferredMessage {
  readonly messageId: MessageId
  readonly stateId: StateId
  readonly message: Uint8Array
  readonly receivedAt: number
}

/** An event that no retained state opens yet (`transport_deferred`). */
export interface DeferredEvent {
  readonly event: NostrEvent
  readonly receivedAt: number
  /** The group's `sweeps` when it came. */
  readonly atSweep?: number
}

export interface Leaving {
  /** That the SelfRemove was made for. */
  readonly epoch: number
  /** What carries it; absent in records of earlier versions. */
  readonly event?: NostrEvent
  /** How often every relay has refused it. */
  readonly refusals?: number
  /** Milliseconds: when it is offered again. */
  readonly retryAt?: number | undefined
}

/** Stored history is being read. Lives in memory alone: whoever restarts has passed its states for good. */
export interface Reading {
  /** Milliseconds: when no more of it is waited for. */
  readonly until: number
  /** Canonical states that have left the horizon meanwhile, oldest first, with what opens messages. */
  readonly passed: ReadonlyMap<StateId, StateNode>
}

/** Whether events seem to be missing, and how often the relays were asked again (behaviour §7, §8.10). */
export interface Backfill {
  /** The tip's epoch when this was last written. */
  readonly epoch: number
  /** Ids of distinct events that did not open at this epoch since we last asked; fewer than `STALL_THRESHOLD`. */
  readonly misses: readonly string[]
  /** Stalls in a row. */
  readonly arms: number
  /** One of them was at this epoch. */
  readonly armed: boolean
  /** How often we have asked, less what later epochs have forgiven. */
  readonly rounds: number
  /** Milliseconds: not asked before. */
  readonly notBefore: number
  /** To be asked as soon as time allows. */
  readonly isDue: boolean
  /** Unix seconds, a whole day: date of the newest event that opened. */
  readonly newest: number
}

/** Wishes of the local user. `intentId` is the caller's; the outcome names it. */
export type Intent =
  | {
      readonly type: "send"
      readonly intentId: string
      readonly event: Rumor
      /** With attachments: the state whose media secret has sealed them. In another one nobody could open them. */
      readonly mediaState?: StateId
      /** Of a message that is said again: `AppRecord.repeats`. */
      readonly repeats?: number
    }
  | {
      readonly type: "invite"
      readonly intentId: string
      readonly invitees: readonly Invitee[]
      /** Leaves that the invitees have already are removed in the same Commit. */
      readonly again?: boolean
    }
  | { readonly type: "remove"; readonly intentId: string; readonly members: readonly string[] }
  | {
      readonly type: "update"
      readonly intentId: string
      readonly name?: string
      readonly description?: string
      readonly admins?: readonly string[]
      readonly relays?: readonly string[]
      /** Makes a new random routing id, which nobody outside the group of then can know. */
      readonly newAddress?: boolean
      /** Seconds; 0: messages stay. */
      readonly retention?: number
      /** `noImage`: none any more. Either way there is no picture by its address then. */
      readonly image?: BlossomImage
      /** Of a picture on the web, which comes before `image`; empty: none any more. */
      readonly avatarUrl?: string
      /** Base URLs of the Blossom servers for attachments, 1 to 16, first choice first; where the group has attachments. */
      readonly mediaServers?: readonly string[]
    }
  | { readonly type: "selfUpdate"; readonly intentId: string }
  /** Has the group require what every member's app can do: these features, or all if none is named. */
  | {
      readonly type: "upgrade"
      readonly intentId: string
      readonly features: readonly FeatureName[]
      /** As in `NewGroup`: without them attachments can't be taken up. */
      readonly mediaServers?: readonly string[]
    }
  | { readonly type: "leave"; readonly intentId: string }
  /** Ends the group for everyone: irrevocable once accepted. */
  | { readonly type: "disband"; readonly intentId: string }

/** A commit of ours between preparation and acknowledgement; stored before the first attempt. */
export interface PendingCommit {
  /** Null when nobody waits for it (an automatic commit of SelfRemoves). */
  readonly intent: Intent | null
  readonly node: StateNode
  readonly event: NostrEvent
  readonly relays: readonly string[]
  readonly welcomes: readonly PendingWelcome[]
}

/** A Welcome that is owed once its Commit has settled. */
export interface PendingWelcome {
  readonly stateId: StateId
  readonly recipient: string
  readonly keyPackageEventId: string
  /** MLSMessage (mls_welcome). */
  readonly welcome: Uint8Array
  /** The group's relays, as a hint to the recipient. */
  readonly relays: readonly string[]
  /** Milliseconds; not before, so that a rival Commit can show itself first. */
  readonly notBefore: number
}

/** A convergence pass that is collecting (behaviour §8.4). Milliseconds. */
export interface Pass {
  readonly baseEpoch: number
  readonly quietDeadline: number
  readonly absoluteDeadline: number
}

/** Derived, never stored. `settled` is a local fixed point: neither finality nor a proof that nothing is missing. */
export type ConvergenceStatus = "syncing" | "resolving" | "settled" | "blocked"

/** Behaviour §1.1. A merge lasts for a part of one step, so no stored group is in it. */
export type Lifecycle =
  "stable" | "pendingPublish" | "merging" | "recovering" | "unrecoverable" | "disbanded"

export interface Disbanding {
  /** Of the wish that waits for the end. */
  readonly intentId: string
  /** How often every relay has refused. */
  readonly attempts: number
  /** Milliseconds: not tried before. */
  readonly retryAt: number | undefined
}

/** The group as it was before the Commit that ended it. */
export interface Tombstone {
  readonly name: string
  readonly description: string
  readonly members: readonly string[]
  readonly admins: readonly string[]
  readonly retention: number
}

/** A group as this device holds it. A value: a step makes the next one. */
export interface MarmotGroup {
  /** Hex MLS group id. */
  readonly groupId: string
  readonly device: DeviceIdentity
  readonly lifecycle: Lifecycle
  readonly tip: StateId
  readonly states: ReadonlyMap<StateId, StateNode>
  readonly apps: ReadonlyMap<MessageId, AppRecord>
  /** Proposals of retained epochs, which have no other record here: epoch by id. */
  readonly seen: ReadonlyMap<MessageId, number>
  /** Ids of those proposals by the hex of their references. */
  readonly proposalIds?: ReadonlyMap<string, MessageId> | undefined
  readonly deferred: ReadonlyMap<MessageId, DeferredMessage>
  readonly unopened: ReadonlyMap<string, DeferredEvent>
  readonly intents: readonly Intent[]
  readonly pending: PendingCommit | undefined
  /** Commits of ours that every relay refused. One may have stored it all the same, so they stay as long as their parents. */
  readonly abandoned: ReadonlyMap<StateId, PendingCommit>
  readonly welcomes: readonly PendingWelcome[]
  readonly pass: Pass | undefined
  /** A SelfRemove of ours was handed to the transport. */
  readonly leaving: Leaving | undefined
  /** We have asked to end the group: nothing new goes out, until it has ended or we can no longer end it. */
  readonly disbanding?: Disbanding | undefined
  /** Made of records that are damaged: it says what the group was, and is never stored. */
  readonly isSalvaged?: true | undefined
  /** All that stays of a group that was ended, or whose state is lost. */
  readonly tombstone?: Tombstone | undefined
  /** When to commit the SelfRemoves that are cached at the tip. */
  readonly autoCommitAt: number | undefined
  readonly standing: "active" | "removed" | "left"
  /** When this device joined by a Welcome (milliseconds); absent where it founded the group, or joined long ago. */
  readonly joinedAt?: number | undefined
  /** Events were dropped for lack of room; ask the relays again from this time (unix seconds). */
  readonly refetchSince: number | undefined
  readonly backfill?: Backfill | undefined
  readonly reading?: Reading | undefined
  /** Epoch of the newest state on which a member has made a Commit that others may be able to follow, and we can't. */
  readonly unfollowed?: number | undefined
  /** How often the keys of new states were tried on `unopened`. */
  readonly sweeps?: number | undefined
  /** Earlier routing addresses that members may still use. */
  readonly priorRoutes: readonly {
    readonly nostrGroupId: string
    readonly relays: readonly string[]
    readonly lastEpoch: number
  }[]
}

/** How publishing an event ended so far. One acceptance is enough (behaviour §6). */
export type PublishOutcome =
  /** A relay answered `OK true`, or its copy came back to us. */
  | "accepted"
  /** Every target relay answered `OK false`: conclusively not published. */
  | "rejected"

export type GroupInput =
  /** A kind 445 event, id and signature verified. */
  | { readonly type: "event"; readonly event: NostrEvent }
  /** The same for several, in this order. What relays have stored: oldest first, and more may follow at once. */
  | {
      readonly type: "events"
      readonly events: readonly NostrEvent[]
      readonly areStored: boolean
    }
  | { readonly type: "intent"; readonly intent: Intent }
  /** Of a `publish` effect, by event id. */
  | { readonly type: "published"; readonly eventId: string; readonly outcome: PublishOutcome }
  /** We come back: these messages of ours (by inner id) have an acknowledgement, and other relays have none of them. */
  | { readonly type: "halfPublished"; readonly innerIds: readonly string[] }
  /** Time has passed (see `nextWake`). */
  | { readonly type: "tick" }

export type IntentFailure =
  | "not_admin"
  | "not_active"
  | "not_a_member"
  | "already_member"
  | "last_admin"
  | "invalid_change"
  | "not_invitable"
  | "publish_rejected"
  | "queue_full"
  /** A member's app lacks what the change needs. */
  | "unsupported"
  /** Attachments were sealed for a state that the group has left: they have to be sealed and sent anew. */
  | "media_outdated"
  /** A message that was over before it could be sent. */
  | "expired"

export type Effect =
  /** Publish this very event to every relay; report `accepted` on the first OK. */
  | {
      readonly type: "publish"
      readonly purpose: "commit" | "proposal" | "application"
      readonly event: NostrEvent
      readonly relays: readonly string[]
      /** For `application`: the inner event's id. */
      readonly innerId: string | undefined
    }
  /** Gift-wrap a kind 444 rumor to the recipient's inbox relays. */
  | {
      readonly type: "welcome"
      /** The Commit that adds the recipient. */
      readonly stateId: StateId
      readonly recipient: string
      readonly keyPackageEventId: string
      readonly welcome: Uint8Array
      readonly relays: readonly string[]
    }
  /** Show an application event: new, or sent again by its author (same inner id: show it once). */
  | {
      readonly type: "deliver"
      readonly event: Rumor
      readonly epoch: number
      readonly own: boolean
      /** Unix seconds: when it must be gone here. */
      readonly expiresAt: number | undefined
      /** Keys of its attachments: to be kept with it, since its epoch will go. */
      readonly mediaKeys?: MediaKeys
    }
  /** Hide a shown event: its branch lost. Keep it; `restore` shows it again. One of our own is sent again by itself. */
  | { readonly type: "withdraw"; readonly innerId: string; readonly own: boolean }
  | { readonly type: "restore"; readonly innerId: string }
  /** One of our own will be sent anew: the event that carried it so far is owed to nobody any more. */
  | { readonly type: "recall"; readonly innerId: string }
  | {
      readonly type: "notify"
      readonly commitDigest: StateId
      /** That the Commit has made. */
      readonly epoch: number
      readonly changes: readonly GroupChange[]
      readonly seenAt: number
    }
  | { readonly type: "withdrawNotices"; readonly commitDigest: StateId }
  /** An own applied change lost against a rival one. */
  | {
      readonly type: "changeLost"
      readonly commitDigest: StateId
      readonly changes: readonly GroupChange[]
    }
  | {
      readonly type: "intentDone"
      readonly intentId: string
      readonly result:
        | { readonly ok: true; readonly epoch: number }
        | { readonly ok: false; readonly code: IntentFailure; readonly message: string }
    }
  /**
   * What became of a kind 445 event. It may be remembered as seen, unless it is `resource_refused`; then what was
   * remembered of it is to be forgotten.
   */
  | ({ readonly type: "disposition"; readonly eventId: string } & InputVerdict)
  /** This device is no member any more (or the group has ended); stop sending, keep what was received. */
  | {
      readonly type: "ended"
      readonly how: "removed" | "left" | "disbanded" | "unrecoverable"
      readonly actor: string | undefined
    }
  /** Ask the group's relays again from this time on (unix seconds). */
  | { readonly type: "refetch"; readonly since: number }

export interface Step {
  readonly group: MarmotGroup
  readonly effects: readonly Effect[]
  /** States that the successor does not retain: to be wiped once it is stored. */
  readonly released?: readonly GroupState[]
}

/** What an invitee sees before joining. */
export interface WelcomePreview {
  readonly groupId: string
  readonly name: string
  readonly description: string
  /** Account of the GroupInfo's signer. */
  readonly inviter: string
  readonly members: readonly string[]
  readonly admins: readonly string[]
  readonly relays: readonly string[]
}

/** What the application reads off a group. */
export interface GroupSummary {
  readonly groupId: string
  readonly name: string
  readonly description: string
  readonly epoch: number
  /** Accounts, each once, in leaf order. */
  readonly members: readonly string[]
  readonly admins: readonly string[]
  /** Seconds after which messages disappear; 0: they stay. */
  readonly retention: number
  readonly standing:
    "active" | "leaving" | "disbanding" | "removed" | "left" | "unrecoverable" | "disbanded"
  readonly lifecycle: Lifecycle
  /** Derived; `undefined` while a Commit of ours is under way. */
  readonly status: ConvergenceStatus | undefined
  /** Stable and settled: nothing is being collected, published or queued. */
  readonly settled: boolean
  /**
   * Much comes that does not open, and asking the relays did not help: a suspicion, which anyone can cause. Or less does,
   * and there is a branch that this device can't follow: a suspicion that a member can cause.
   */
  readonly seemsStranded: boolean
  /** Another account has made one of the retained Commits, or a message in their epochs. */
  readonly hearsOthers: boolean
  /** Where to listen: the current address first. */
  readonly routes: readonly { readonly nostrGroupId: string; readonly relays: readonly string[] }[]
}
