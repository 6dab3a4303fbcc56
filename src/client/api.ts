// The contract between a user interface (the web app or the headless client) and the client runtime.
// Everything here is plain data that survives `structuredClone`; no keys, no protocol state.

/** A person as the user interface shows them. `name` is what is known; fall back to a shortened `npub`. */
export interface PersonView {
  /** 64 lowercase hex characters. */
  readonly pubkey: string
  readonly npub: string
  readonly name: string | undefined
}

export type SignerKind = "local" | "nip07"

/** What stands in the way of being reachable, in the order in which it is done. */
export interface ReachabilityView {
  /** Kinds 10002 and 10050 are on at least one relay. */
  readonly relayLists: boolean
  /** A current KeyPackage (kind 30443) is on at least one relay. */
  readonly keyPackage: boolean
  /** The last failure in plain words, if the client is not reachable yet. */
  readonly problem: string | undefined
}

export type SessionView =
  | { readonly status: "starting" }
  | { readonly status: "none" }
  | {
      readonly status: "ready"
      readonly self: PersonView
      readonly signer: SignerKind
      /** The user has saved the secret key made in the app (always true for extensions). */
      readonly keySaved: boolean
      readonly reachable: ReachabilityView
      readonly relays: readonly string[]
    }

export interface RelayView {
  readonly url: string
  readonly status: "connecting" | "connected" | "disconnected"
}

export interface ConnectionView {
  readonly online: boolean
  readonly relays: readonly RelayView[]
  /** Relay events that are stored but not processed yet, and publications that are still owed. */
  readonly pendingInbound: number
  readonly pendingOutbound: number
  /** While many stored events are read after an absence; `undefined` otherwise. */
  readonly catchUp: CatchUpView | undefined
}

export interface CatchUpView {
  /** Events that have been taken in. While it is 0, relays are still sending. */
  readonly processed: number
  /** Events that are known of so far, those included, and about as many as are still to be read. */
  readonly known: number
}

/** Why a person can or can't be invited. Every value but `ok` comes with words in `reason`. */
export type InviteCheckStatus =
  | "ok"
  | "invalid_input"
  | "self"
  | "already_member"
  | "no_relay_list"
  | "no_key_package"
  | "incompatible"
  | "expired"
  /** We have used the person's only KeyPackage before, and it is for one use. */
  | "used"
  | "unreachable"

export interface InviteCheck {
  /** The text as typed: npub, nprofile or hex. */
  readonly input: string
  readonly person: PersonView | undefined
  readonly status: InviteCheckStatus
  /** One plain sentence for the user; empty for `ok`. */
  readonly reason: string
  /** With `incompatible`, where the person's app lacks something: ids of what the group requires and the app has. */
  readonly lacking?: { readonly required: CapabilitiesView; readonly had: CapabilitiesView }
}

/** Ids of Marmot components, MLS extensions and proposals. */
export interface CapabilitiesView {
  readonly components: readonly number[]
  readonly extensions: readonly number[]
  readonly proposals: readonly number[]
}

/** Where this account stands in a group. Only `active` can send. */
export type GroupStanding =
  | "active"
  | "leaving"
  /** This account has asked to end the group, which is under way. */
  | "disbanding"
  | "removed"
  | "left"
  | "unrecoverable"
  | "disbanded"

export interface MemberView extends PersonView {
  readonly isAdmin: boolean
  readonly isSelf: boolean
}

export interface GroupView {
  /** Hex MLS group id. */
  readonly groupId: string
  readonly name: string
  readonly description: string
  /** Names the picture, which `groupImage` fetches. */
  readonly image: string | undefined
  /** The picture is somewhere on the web, where it is fetched only when the user wants it: `showWebPicture`. */
  readonly webPicture: { readonly url: string; readonly isShown: boolean } | undefined
  readonly epoch: number
  readonly standing: GroupStanding
  readonly members: readonly MemberView[]
  readonly relays: readonly string[]
  /** Messages disappear so many seconds after they were written; 0: they stay. */
  readonly retentionSeconds: number
  /** Base URLs of the servers for attachments, first choice first; none where the group has no attachments. */
  readonly mediaServers: readonly string[]
  /** This account may invite, remove and rename. */
  readonly canManage: boolean
  /** A change of ours or of others is on its way: sending waits for it. */
  readonly busy: boolean
  /**
   * Much has come that this device can't read, and asking the relays again did not help. It may have lost the group and
   * need a new invitation; or a stranger posts junk. A suggestion to the user, not a fact.
   */
  readonly mayBeStranded: boolean
  /** Members whom we have invited and whose invitation no relay of theirs has yet, with a sentence that says why. */
  readonly undelivered: readonly { readonly pubkey: string; readonly reason: string }[]
  readonly features: readonly FeatureView[]
}

export const groupFeatures = [
  "profile",
  "leaving",
  "ending",
  "disappearing",
  "media",
  "agentMessages",
] as const
export type GroupFeature = (typeof groupFeatures)[number]

/** What the members of a group can do together. */
export interface FeatureView {
  readonly feature: GroupFeature
  /** `upgradeable`: everyone's app can do it, and an admin may have the group require it. */
  readonly status: "available" | "upgradeable" | "unavailable"
  /** With `unavailable`: members (hex) whose apps lack it. */
  readonly lacking: readonly string[]
}

export interface ChatView {
  readonly groupId: string
  readonly name: string
  /** Names the picture, which `groupImage` fetches. */
  readonly image: string | undefined
  readonly standing: GroupStanding
  readonly memberCount: number
  readonly unread: number
  /** Unix seconds of the newest item, or of creation. */
  readonly lastActivity: number
  /** The newest item in one line: who and what. */
  readonly preview: { readonly author: PersonView | undefined; readonly text: string } | undefined
}

export interface InviteView {
  readonly inviteId: string
  readonly groupId: string
  readonly groupName: string
  readonly description: string
  readonly inviter: PersonView
  readonly members: readonly MemberView[]
  /** Unix seconds. */
  readonly receivedAt: number
}

export interface RelayReceipt {
  readonly url: string
  readonly accepted: boolean
  /** The relay's own words when it refused; empty otherwise. */
  readonly message: string
}

export type DeliveryView =
  /** Someone else's message. */
  | { readonly status: "received" }
  /** Stored here, no relay has acknowledged it yet. */
  | { readonly status: "pending" }
  | { readonly status: "sent"; readonly relays: readonly RelayReceipt[] }
  | { readonly status: "failed"; readonly reason: string; readonly relays: readonly RelayReceipt[] }

export interface AttachmentView {
  /** Names the attachment within its message. */
  readonly index: number
  /** As its sender calls it: untrusted text. */
  readonly filename: string
  readonly mediaType: string
  /** Pixels, as the sender says. */
  readonly size: { readonly width: number; readonly height: number } | undefined
}

export interface FileView {
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly filename: string
}

/** Files that were given to `sendAttachments` and are not a message yet. */
export interface UploadView {
  readonly uploadId: string
  readonly caption: string
  readonly files: readonly {
    readonly filename: string
    readonly mediaType: string
    /** Bytes. */
    readonly size: number
  }[]
  /** Why it was given up, in plain words; it can be tried again. */
  readonly failure: string | undefined
}

export interface NewAttachments {
  readonly caption: string
  readonly replyTo?: string
  readonly files: readonly {
    readonly bytes: Uint8Array
    readonly filename: string
    readonly mediaType: string
    /** Pixels, as `640x480`. */
    readonly dim?: string | undefined
  }[]
  /** Resolve when the message is on its way, not as soon as it is stored. */
  readonly wait?: boolean
}

export interface MessageItem {
  readonly type: "message"
  /** Inner event id (64 hex); stable across pending, sent and received. */
  readonly messageId: string
  readonly author: PersonView
  readonly own: boolean
  /** Unix seconds: as the author says, but no more than five minutes after it came. */
  readonly createdAt: number
  readonly kind: number
  readonly content: string
  readonly tags: readonly (readonly string[])[]
  readonly delivery: DeliveryView
  /** Encrypted files that belong to the message. */
  readonly attachments: readonly AttachmentView[]
  /** Unix seconds: then it is deleted here. Absent: it stays. */
  readonly expiresAt?: number
}

export type SystemEvent =
  | { readonly event: "group_created"; readonly actor: PersonView }
  | { readonly event: "joined"; readonly actor: PersonView }
  | { readonly event: "member_added"; readonly actor: PersonView; readonly subject: PersonView }
  | { readonly event: "member_removed"; readonly actor: PersonView; readonly subject: PersonView }
  | { readonly event: "member_left"; readonly subject: PersonView }
  | { readonly event: "admin_added"; readonly actor: PersonView; readonly subject: PersonView }
  | { readonly event: "admin_removed"; readonly actor: PersonView; readonly subject: PersonView }
  | { readonly event: "group_renamed"; readonly actor: PersonView; readonly name: string }
  | { readonly event: "description_changed"; readonly actor: PersonView }
  | { readonly event: "group_avatar_changed"; readonly actor: PersonView }
  | { readonly event: "removed_self"; readonly actor: PersonView }
  | {
      readonly event: "disappearing_timer_changed"
      readonly actor: PersonView
      /** 0: messages stay. */
      readonly seconds: number
    }
  | { readonly event: "routing_changed"; readonly actor: PersonView }
  | { readonly event: "group_disbanded"; readonly actor: PersonView }
  /** A change of ours lost against another one made at the same time; it can be tried again. */
  | { readonly event: "change_lost"; readonly text: string }

export interface SystemItem {
  readonly type: "system"
  readonly id: string
  readonly createdAt: number
  readonly change: SystemEvent
  /** The same as the kind 1210 event that other Marmot clients make of the Commit, where there is one. */
  readonly row?: SystemRowView
}

/** A kind 1210 event; `messageId` is the same on every device. Made here, never received. */
export interface SystemRowView {
  readonly messageId: string
  readonly pubkey: string
  readonly kind: number
  readonly tags: readonly (readonly string[])[]
  readonly content: string
}

export type TimelineItem = MessageItem | SystemItem

/** A position in a timeline; opaque, sortable, stable. */
export type TimelineCursor = string

export interface TimelinePage {
  /** Oldest first. */
  readonly items: readonly TimelineItem[]
  /** Pass as `before` to read further back; undefined at the beginning. */
  readonly before: TimelineCursor | undefined
}

export interface GroupChanges {
  readonly name?: string
  readonly description?: string
  /** The complete new list, hex. */
  readonly admins?: readonly string[]
  readonly relays?: readonly string[]
  /** A new random routing id: who was removed before can't watch the group's traffic any more. */
  readonly newAddress?: boolean
  /** Messages disappear so many seconds after they were written; 0: they stay. */
  readonly retentionSeconds?: number
  /** Where on the web (https) the group's picture is; empty: no longer there. */
  readonly avatarUrl?: string
  /** Blossom servers for attachments, 1 to 16, first choice first; only where the group has attachments. */
  readonly mediaServers?: readonly string[]
}

/** Tells which projection to read again. */
export type ClientChange =
  | { readonly topic: "session" }
  | { readonly topic: "connection" }
  | { readonly topic: "chats" }
  | { readonly topic: "invites" }
  | { readonly topic: "group"; readonly groupId: string }
  | { readonly topic: "timeline"; readonly groupId: string }

export type ClientErrorCode =
  | "no_account"
  | "account_exists"
  | "invalid_input"
  | "unknown_group"
  | "unknown_invite"
  | "unknown_message"
  /** A file that can't be had now. */
  | "unavailable"
  | "not_admin"
  | "not_active"
  | "not_invitable"
  | "last_admin"
  | "publish_failed"
  | "change_lost"
  | "signer_refused"
  | "storage_failed"
  | "timeout"
  | "not_implemented"
  | "internal"

/** Failures cross the worker boundary as this data and become a `ClientError` on the other side. */
export interface ClientFailure {
  readonly code: ClientErrorCode
  /** Plain words that can be shown to the user. */
  readonly message: string
}

export class ClientError extends Error {
  readonly code: ClientErrorCode
  constructor(code: ClientErrorCode, message: string) {
    super(message)
    this.name = "ClientError"
    this.code = code
  }
}

/** Everything that a user interface can ask for. All rejections are `ClientError`s. */
export interface ClientApi {
  session(): Promise<SessionView>
  connection(): Promise<ConnectionView>
  /** Makes a key in the app. `relays`: where to be reachable; the configured defaults if absent. */
  createAccount(params: { name: string; relays?: readonly string[] }): Promise<PersonView>
  importAccount(params: { nsec: string; relays?: readonly string[] }): Promise<PersonView>
  /** Logs in with the browser's NIP-07 extension. */
  loginWithExtension(params: { relays?: readonly string[] }): Promise<PersonView>
  /** The secret key of a local account as `nsec`, to be saved by the user. */
  revealSecretKey(): Promise<string>
  markKeySaved(): Promise<void>
  setProfileName(name: string): Promise<void>
  /** Publishes what is missing to be reachable; resolves when relay lists and KeyPackage are acknowledged. */
  ensureReachable(): Promise<{ keyPackageEventId: string }>
  /** Ends the session and deletes everything stored on this device. */
  logout(): Promise<void>

  chats(): Promise<readonly ChatView[]>
  group(groupId: string): Promise<GroupView>
  timeline(
    groupId: string,
    page?: { limit?: number; before?: TimelineCursor },
  ): Promise<TimelinePage>
  markRead(groupId: string): Promise<void>

  /** Looks people up on relays. `groupId`: also says who is already a member. */
  checkInvitees(inputs: readonly string[], groupId?: string): Promise<readonly InviteCheck[]>
  createGroup(params: {
    name: string
    description?: string
    members: readonly string[]
  }): Promise<{ groupId: string }>
  invite(groupId: string, members: readonly string[]): Promise<{ epoch: number }>
  /**
   * Removes someone and invites them anew, in one change: for a member whose device has lost the group. All of the
   * person's devices need the new invitation.
   */
  reinvite(groupId: string, member: string): Promise<{ epoch: number }>
  removeMembers(groupId: string, members: readonly string[]): Promise<{ epoch: number }>
  updateGroup(groupId: string, changes: GroupChanges): Promise<{ epoch: number }>
  selfUpdate(groupId: string): Promise<{ epoch: number }>
  /**
   * Has the group require what every member's app can do: these features, or all if none is named. Admins only.
   * `mediaServers`: where attachments go if they are taken up; absent: to the servers that this app uses.
   */
  upgradeGroup(
    groupId: string,
    features?: readonly GroupFeature[],
    mediaServers?: readonly string[],
  ): Promise<{ epoch: number }>
  leave(groupId: string): Promise<void>
  /** Ends the group for everyone, for good. Resolves once it has ended. */
  disband(groupId: string): Promise<void>
  /** Deletes the local copy of a group that can't be used any more. */
  forget(groupId: string): Promise<void>

  invites(): Promise<readonly InviteView[]>
  acceptInvite(inviteId: string): Promise<{ groupId: string }>
  declineInvite(inviteId: string): Promise<void>

  /** Resolves once the message is stored here; its delivery shows in the timeline. */
  sendMessage(
    groupId: string,
    message: { content: string; replyTo?: string; kind?: number; tags?: readonly string[][] },
  ): Promise<{ messageId: string }>
  retryMessage(groupId: string, messageId: string): Promise<void>

  /** Resolves once the files are stored here, with `wait` once they are uploaded and have become a message. */
  sendAttachments(
    groupId: string,
    attachments: NewAttachments,
  ): Promise<{ uploadId: string; messageId?: string }>
  /** Files that are on their way to a group, oldest first; changes are told as those of its timeline. */
  uploads(groupId: string): Promise<readonly UploadView[]>
  retryUpload(uploadId: string): Promise<void>
  discardUpload(uploadId: string): Promise<void>
  /** Fetches, verifies and decrypts. Rejects with `unavailable`, in plain words; it can be tried again. */
  attachment(groupId: string, messageId: string, index: number): Promise<FileView>
  /** `undefined`: no picture any more. Admins only. */
  setGroupImage(
    groupId: string,
    picture: { bytes: Uint8Array; mediaType: string } | undefined,
  ): Promise<{ epoch: number }>
  groupImage(groupId: string): Promise<FileView | undefined>
  /** Fetches the picture that is somewhere on the web, and shows it from now on. Its server learns who reads. */
  showWebPicture(groupId: string): Promise<void>

  /** Hex values that two members of one group state share. */
  fingerprint(groupId: string): Promise<{
    epoch: number
    treeHash: string
    confirmedTranscriptHash: string
    epochAuthenticator: string
  }>
  /** Resolves when stored relay events are processed and the outbox is empty; rejects with `timeout`. */
  sync(params?: { timeoutMs?: number }): Promise<void>

  /** Calls `listener` after each committed step that changed a projection. Returns the way to stop. */
  subscribe(listener: (change: ClientChange) => void): () => void
}
