// Marmot joining (behaviour §3): invitations that wait for the user, and the two ways in which they end.

import { sha256 } from "@noble/hashes/sha2.js"
import type { GroupSummary, WelcomePreview } from "../marmot/engine-types.ts"
import { bytesToHex } from "../nostr/event.ts"
import type { Store } from "../store/types.ts"
import { ClientError } from "./api.ts"
import { toBase64 } from "../marmot/base64.ts"
import type { Draft } from "./draft.ts"
import { RecordMap } from "./record-map.ts"

export interface InviteRecord {
  /** Hex SHA-256 of the Welcome: a second delivery of it is the same invitation. */
  readonly inviteId: string
  readonly state: "open" | "accepted" | "declined"
  /** Base64; gone once the user has decided. */
  readonly welcome: string | undefined
  readonly keyPackageRef: string
  /** Once the user has decided, the group's id and the inviter only: the rest goes with the group. */
  readonly preview: WelcomePreview
  /** The epoch that one would join. */
  readonly epoch: number
  /** Unix seconds: when the inviter made it, as they say. */
  readonly sentAt: number
  /** Unix seconds. */
  readonly receivedAt: number
}

export const inviteIdOf = (welcome: Uint8Array): string => bytesToHex(sha256(welcome))

/** Anyone can invite, and a Welcome can be large: more than these do not wait for the user. */
const MAX_OPEN = 128
const MAX_OPEN_OF_ONE = 16

type KnownInvite = Pick<InviteRecord, "preview" | "epoch" | "sentAt">

/** `isNewer`: it was sent after the one by which we joined. */
interface RepeatedInvite {
  readonly epoch: number
  readonly inviter: string
  readonly isNewer: boolean
}

/**
 * Whether an invitation may take the place of the copy of the group that this device holds (behaviour §3). A live copy
 * refuses: group ids are known to all who ever were members, and anyone can make another group of the same id, with
 * anyone's published KeyPackages in it. The exception can only mean that we were added anew, by one whom our own copy
 * knows as an admin: to a later epoch; or after we joined, if this copy seems to have lost touch or nobody else is
 * heard in it, because the epochs of a branch that the others have left behind mean nothing. Of a copy that lives, an
 * invitation by a branch that lost would only lead away; of one in which we are alone there is nobody to be led away
 * from, and whoever has removed us while we removed them is an admin no more for us.
 */
export function mayReplace(held: GroupSummary, invite: RepeatedInvite): boolean {
  if (held.standing === "disbanded") return false
  if (held.standing !== "active" && held.standing !== "leaving") return true
  if (held.members.length === 1) return invite.epoch > held.epoch || invite.isNewer
  if (!held.admins.includes(invite.inviter)) return false
  return invite.epoch > held.epoch || (invite.isNewer && (held.seemsStranded || !held.hearsOthers))
}

/** Whether it might do so one day: that the copy has lost touch may show itself later. */
export function mayReplaceLater(held: GroupSummary, invite: RepeatedInvite): boolean {
  return mayReplace({ ...held, seemsStranded: true }, invite)
}

export class Invites {
  readonly #records = new RecordMap<InviteRecord>({
    table: "invites",
    scope: "self",
    keyOf: ({ inviteId }) => inviteId,
  })

  load(store: Store): Promise<void> {
    return this.#records.load(store)
  }

  /** Newest first. */
  open(): readonly InviteRecord[] {
    return this.#records
      .values()
      .filter(({ state }) => state === "open")
      .sort((a, b) => b.receivedAt - a.receivedAt)
  }

  has(draft: Draft, inviteId: string): boolean {
    return this.#records.get(inviteId, draft) !== undefined
  }

  /** An invitation to a group that is held here already, as `mayReplace` judges it. */
  again({ preview, epoch, sentAt }: KnownInvite, draft?: Draft): RepeatedInvite {
    const { groupId, inviter } = preview
    return { epoch, inviter, isNewer: this.#isNewer(groupId, sentAt, draft) }
  }

  /** Sent after the invitation by which we joined the group; of a group that we founded, every one is. Unix seconds. */
  #isNewer(groupId: string, sentAt: number, draft?: Draft): boolean {
    const joined = this.#records
      .values(draft)
      .filter(({ preview, state }) => preview.groupId === groupId && state === "accepted")
    return joined.every((invite) => invite.sentAt < sentAt)
  }

  /** Whether another invitation by `inviter` can wait for the user. */
  hasRoom(draft: Draft, inviter: string): boolean {
    const open = this.#records.values(draft).filter(({ state }) => state === "open")
    const theirs = open.filter(({ preview }) => preview.inviter === inviter)
    return open.length < MAX_OPEN && theirs.length < MAX_OPEN_OF_ONE
  }

  /** Throws `ClientError` `unknown_invite` unless the invitation waits for an answer. */
  require(inviteId: string, draft?: Draft): InviteRecord & { readonly welcome: string } {
    const record = this.#records.get(inviteId, draft)
    if (record?.state !== "open" || record.welcome === undefined) {
      throw new ClientError("unknown_invite", "This invitation is not there any more.")
    }
    return { ...record, welcome: record.welcome }
  }

  add(
    draft: Draft,
    invite: Omit<InviteRecord, "inviteId" | "state" | "receivedAt" | "welcome"> & {
      readonly welcome: Uint8Array
    },
  ): void {
    const inviteId = inviteIdOf(invite.welcome)
    const receivedAt = Math.floor(draft.now / 1000)
    const welcome = toBase64(invite.welcome)
    this.#records.put(draft, { ...invite, inviteId, state: "open", receivedAt, welcome })
    draft.change({ topic: "invites" })
  }

  /** What remembers it from now on says no more of the group than its id, and who invited. */
  decide(draft: Draft, inviteId: string, state: "accepted" | "declined"): void {
    const record = this.require(inviteId, draft)
    const preview = withoutContent(record.preview)
    this.#records.put(draft, { ...record, preview, state, welcome: undefined })
    draft.change({ topic: "invites" })
  }

  /** Other invitations to a group at this epoch or before are answered with it. */
  supersede(draft: Draft, groupId: string, epoch: number): void {
    for (const record of this.#records.values(draft)) {
      const { preview, state, inviteId } = record
      if (state !== "open" || preview.groupId !== groupId || record.epoch > epoch) continue
      this.decide(draft, inviteId, "accepted")
    }
  }

  /** KeyPackages without which an open invitation could not be accepted. */
  neededKeyPackages(draft?: Draft): ReadonlySet<string> {
    const open = this.#records.values(draft).filter(({ state }) => state === "open")
    return new Set(open.map(({ keyPackageRef }) => keyPackageRef))
  }
}

const withoutContent = ({ groupId, inviter }: WelcomePreview): WelcomePreview => ({
  groupId,
  inviter,
  name: "",
  description: "",
  members: [],
  admins: [],
  relays: [],
})
