// Making groups, changing them, entering and leaving them.

import type { BlossomImage } from "../marmot/components/blossom-image.ts"
import type { GroupSummary, Intent } from "../marmot/engine-types.ts"
import { MarmotError } from "../marmot/error.ts"
import { MlsError } from "../mls/index.ts"
import { parsePerson } from "../nostr/address.ts"
import { bytesToHex } from "../nostr/event.ts"
import { isPublicUrl } from "../nostr/host-safety.ts"
import { isRelayUrl, relayUrlFromInput } from "../nostr/relay-url.ts"
import { ClientError } from "./api.ts"
import type { GroupChanges, GroupFeature, InviteCheck } from "./api.ts"
import { fromBase64 } from "../marmot/base64.ts"
import { OVERLAP } from "./cursors.ts"
import type { Chosen, Finding } from "./directory.ts"
import type { Draft } from "./draft.ts"
import { mayReplace } from "./invites.ts"
import { firstSelfUpdate, nextSelfUpdate } from "./maintenance.ts"
import type { MediaPorts } from "./ports.ts"
import type { Session } from "./session.ts"

/** Relays of a new group: enough for one to be down, few enough to publish to (wire §1.6 allows 16). */
const MAX_GROUP_RELAYS = 5
/** Wire §6.5. */
const MAX_RELAYS = 16
const MAX_MEDIA_SERVERS = 5
/** Of a group's policy (wire §6.10). */
const MAX_POLICY_SERVERS = 16
/** Wire §6.8. */
const MAX_URL = 2048
const MAX_NAME_BYTES = 256
const MAX_DESCRIPTION_BYTES = 4096

/** An intent without its id. */
type Wish = Intent extends infer Each
  ? Each extends { readonly intentId: string }
    ? Omit<Each, "intentId">
    : never
  : never

export class Membership {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async check(inputs: readonly string[], groupId?: string): Promise<readonly InviteCheck[]> {
    const findings = await this.#find(inputs, groupId)
    return findings.map(({ input, pubkey, status, reason, lacking }) => ({
      input,
      person: pubkey === undefined ? undefined : this.#session.viewer.person(pubkey),
      status,
      reason,
      ...(lacking === undefined ? {} : { lacking }),
    }))
  }

  async create(params: {
    readonly name: string
    readonly description?: string
    readonly members: readonly string[]
  }): Promise<{ groupId: string }> {
    const { name, description = "", members } = params
    checkTexts(params)
    const chosen = await this.#chosen(members)
    const invitees = chosen.map(({ invitee }) => invitee)
    const { mailbox, world, account, groups, used } = this.#session
    const relays = account.record.relays.slice(0, MAX_GROUP_RELAYS)
    return mailbox.run(async (draft) => {
      const { group, effects } = await translated(() =>
        world.engine.createMarmotGroup(this.#env(draft), {
          device: account.device,
          name,
          description,
          relays,
          invitees,
          ...mediaOf(world.media),
        }),
      )
      const { groupId } = group
      // Our leaf is as new as the group.
      const renewAt = nextSelfUpdate(draft.now, (length) => world.random(length))
      await this.#enter(draft, groupId, { renewAt, row: "group_created", key: "created" })
      await groups.adopt(draft, group, effects)
      used.remember(draft, chosen)
      return { groupId }
    })
  }

  async invite(groupId: string, members: readonly string[]): Promise<{ epoch: number }> {
    const { used } = this.#session
    const chosen = await this.#chosen(members, groupId)
    const invitees = chosen.map(({ invitee }) => invitee)
    return this.#change(groupId, { type: "invite", invitees }, (draft) =>
      used.remember(draft, chosen),
    )
  }

  /** The admin's side of the way back for a member whose device has lost the group (behaviour §8.10). */
  async reinvite(groupId: string, member: string): Promise<{ epoch: number }> {
    const { used } = this.#session
    const chosen = await this.#chosen([member], groupId, { evenMembers: true })
    const invitees = chosen.map(({ invitee }) => invitee)
    return this.#change(groupId, { type: "invite", invitees, again: true }, (draft) =>
      used.remember(draft, chosen),
    )
  }

  remove(groupId: string, members: readonly string[]): Promise<{ epoch: number }> {
    return this.#change(groupId, { type: "remove", members: members.map(pubkeyOf) })
  }

  async update(groupId: string, changes: GroupChanges): Promise<{ epoch: number }> {
    checkTexts(changes)
    checkSettings(changes)
    const {
      admins,
      relays,
      retentionSeconds: retention,
      avatarUrl,
      mediaServers,
      ...rest
    } = changes
    return this.#change(groupId, {
      type: "update",
      ...rest,
      ...(retention === undefined ? {} : { retention }),
      ...(avatarUrl === undefined ? {} : { avatarUrl: pictureUrl(avatarUrl) }),
      ...(relays === undefined ? {} : { relays: relays.map(relayUrl) }),
      ...(mediaServers === undefined ? {} : { mediaServers: mediaUrls(mediaServers) }),
      ...(admins === undefined ? {} : { admins: admins.map(pubkeyOf) }),
    })
  }

  setImage(groupId: string, image: BlossomImage): Promise<{ epoch: number }> {
    return this.#change(groupId, { type: "update", image })
  }

  selfUpdate(groupId: string): Promise<{ epoch: number }> {
    return this.#change(groupId, { type: "selfUpdate" })
  }

  async upgrade(
    groupId: string,
    features: readonly GroupFeature[] = [],
    servers?: readonly string[],
  ): Promise<{ epoch: number }> {
    const { groups, world } = this.#session
    const media =
      servers === undefined ? mediaOf(world.media) : { mediaServers: mediaUrls(servers) }
    const has = world.engine.mediaServers(groups.require(groupId)).length > 0
    if (features.includes("media") && media.mediaServers === undefined && !has) {
      throw new ClientError("invalid_input", "This app has no server to put attachments on.")
    }
    return this.#change(groupId, { type: "upgrade", features, ...media })
  }

  async leave(groupId: string): Promise<void> {
    await this.#change(groupId, { type: "leave" })
  }

  async disband(groupId: string): Promise<void> {
    await this.#change(groupId, { type: "disband" })
  }

  async forget(groupId: string): Promise<void> {
    const {
      mailbox,
      groups,
      world,
      chats,
      timeline,
      outbox,
      welcomes,
      seen,
      cursors,
      reinviter,
      uploads,
    } = this.#session
    await mailbox.run(async (draft) => {
      const { standing } = world.engine.summary(groups.require(groupId, draft))
      if (standing === "active" || standing === "leaving" || standing === "disbanding") {
        throw new ClientError("invalid_input", "Leave the group before you delete it.")
      }
      uploads.forget(draft, groupId)
      outbox.forget(draft, groupId)
      welcomes.forget(draft, groupId)
      reinviter.forget(draft, groupId)
      await timeline.forget(draft, groupId)
      await seen.forget(draft, groupId)
      cursors.forget(draft, groupId)
      chats.forget(draft, groupId)
      groups.discard(draft, groupId)
    })
  }

  /**
   * Joins. A copy of the group that this device still holds is discarded first: its user has asked for it by
   * accepting (behaviour §3); the history stays.
   */
  async accept(inviteId: string): Promise<{ groupId: string }> {
    const session = this.#session
    const { mailbox, world, account, groups, invites, keyPackages } = session
    return mailbox.run(async (draft) => {
      const invite = invites.require(inviteId, draft)
      if (!keyPackages.hasPrivatePart(invite.keyPackageRef, draft)) {
        const words = "This invitation is too old to be accepted. Ask to be invited again."
        throw new ClientError("unknown_invite", words)
      }
      const { group, preview } = await translated(() =>
        world.engine.joinMarmotGroup(this.#env(draft), {
          device: account.device,
          welcome: fromBase64(invite.welcome),
          keyPackages: keyPackages.own(draft),
          inviter: invite.preview.inviter,
        }),
      )
      const { groupId } = preview
      const held = groups.get(groupId, draft)
      if (held !== undefined) {
        const again = invites.again({ ...invite, preview }, draft)
        // The group may have been joined, or have gone on, since the invitation came.
        if (!mayReplace(world.engine.summary(held), again)) {
          throw new ClientError("invalid_input", "You are in this group already.")
        }
        await this.#discard(draft, groupId, preview.members)
      }
      const renewAt = firstSelfUpdate(draft.now, (length) => world.random(length))
      await this.#enter(draft, groupId, { renewAt, row: "joined", key: `joined:${inviteId}` })
      await groups.adopt(draft, group, [])
      this.#listenSince(draft, world.engine.summary(group), invite.sentAt)
      invites.decide(draft, inviteId, "accepted")
      invites.supersede(draft, groupId, invite.epoch)
      keyPackages.consumed(draft, invite.keyPackageRef)
      draft.after(() => {
        session.reachability.check()
        session.inbox.wake()
      })
      return { groupId }
    })
  }

  async decline(inviteId: string): Promise<void> {
    const { mailbox, invites, inbox } = this.#session
    await mailbox.run((draft) => {
      invites.decide(draft, inviteId, "declined")
      draft.after(() => inbox.wake())
    })
  }

  /**
   * Nothing of the old copy goes on in the new one: no wish, no publication, no timer. What was said and has not gone
   * out is said to have failed; whoever is a `member` and was promised a Welcome still gets it.
   */
  async #discard(draft: Draft, groupId: string, members: readonly string[]): Promise<void> {
    const { groups, outbox, welcomes, reinviter, seen, timeline } = this.#session
    const waiting = groups.get(groupId, draft)?.intents ?? []
    const unsaid = waiting.flatMap((wish) => (wish.type === "send" ? [wish.event.id] : []))
    draft.after(() => {
      const error = new ClientError("not_active", "This was wanted in an earlier membership.")
      for (const { intentId } of waiting) groups.waiters.reject(intentId, error)
    })
    groups.discard(draft, groupId)
    const reason = "You were not in this group for a while. Send it again."
    for (const messageId of [...unsaid, ...outbox.giveUpMessages(draft, groupId)]) {
      const delivery = { status: "failed", reason, relays: [] } as const
      await timeline.setDelivery(draft, groupId, messageId, { delivery })
    }
    outbox.forget(draft, groupId)
    welcomes.forget(draft, groupId, members)
    reinviter.forget(draft, groupId)
    // What the old copy could not read may be for the new one.
    await seen.forget(draft, groupId)
  }

  async #enter(
    draft: Draft,
    groupId: string,
    how: {
      readonly renewAt: number
      readonly row: "group_created" | "joined"
      readonly key: string
    },
  ): Promise<void> {
    const { chats, timeline, account } = this.#session
    chats.open(draft, groupId, how.renewAt)
    await timeline.notify(draft, groupId, {
      digest: how.key,
      changes: [{ type: how.row, actor: account.pubkey }],
      // Before the rows of the founding Commit, which is as old.
      seenAt: draft.now - 1,
    })
  }

  /** Wire §7.8: what was sent since the invitation, with the usual overlap and a day for clocks that differ. */
  #listenSince(
    draft: Draft,
    { groupId, routes }: Pick<GroupSummary, "groupId" | "routes">,
    sentAt: number,
  ): void {
    const { cursors, intake } = this.#session
    const at = Math.max(0, sentAt - 48 * 3600 + OVERLAP)
    cursors.forget(draft, groupId)
    for (const { nostrGroupId: address, relays } of routes) {
      for (const url of relays) cursors.advance(draft, { owner: groupId, address, url }, at)
    }
    draft.after(() => intake.refresh(true))
  }

  #change(groupId: string, wish: Wish, also?: (draft: Draft) => void): Promise<{ epoch: number }> {
    const { groups, world } = this.#session
    groups.require(groupId)
    const intentId = `${wish.type}:${bytesToHex(world.random(16))}`
    return groups.intend(groupId, { ...wish, intentId }, also)
  }

  async #find(
    inputs: readonly string[],
    groupId?: string,
    options: { readonly evenMembers?: boolean } = {},
  ): Promise<readonly Finding[]> {
    const { directory, groups, world } = this.#session
    if (groupId === undefined) return directory.check(inputs, { members: new Set() })
    const group = groups.require(groupId)
    const { standing, members: present } = world.engine.summary(group)
    // Nothing more is asked of anyone in a group that has ended, not even what they would have to understand.
    if (standing === "disbanded") throw new ClientError("not_active", "This group has ended.")
    const members = new Set(options.evenMembers === true ? [] : present)
    return directory.check(inputs, { members, requirements: world.engine.requirements(group) })
  }

  /** Throws `ClientError` `not_invitable`, in words for each of them, unless everyone can be added. */
  async #chosen(
    inputs: readonly string[],
    groupId?: string,
    options: { readonly evenMembers?: boolean } = {},
  ): Promise<readonly Chosen[]> {
    const findings = await this.#find(inputs, groupId, options)
    const refused = findings.filter(({ chosen }) => chosen === undefined)
    if (refused.length > 0) {
      const words = refused.map(({ input, pubkey, reason }) => {
        const name = pubkey === undefined ? input : this.#session.viewer.person(pubkey).name
        return `${name ?? input.slice(0, 16)}: ${reason}`
      })
      const invalid = refused.every(({ status }) => status === "invalid_input")
      throw new ClientError(invalid ? "invalid_input" : "not_invitable", words.join("\n"))
    }
    const found = new Map<string, Chosen>()
    for (const { chosen } of findings)
      if (chosen !== undefined) found.set(chosen.invitee.pubkey, chosen)
    return [...found.values()]
  }

  #env(draft: Draft) {
    const { world } = this.#session
    return {
      crypto: world.crypto,
      now: draft.now,
      random: (length: number) => world.random(length),
    }
  }
}

/** The servers that a new group's members put their files on; none if none can be reached from here. */
function mediaOf(media: MediaPorts | undefined): { readonly mediaServers?: readonly string[] } {
  const servers = (media?.servers ?? []).map((url) => new URL(url).href).slice(0, MAX_MEDIA_SERVERS)
  return servers.length === 0 ? {} : { mediaServers: [...new Set(servers)] }
}

/** Marmot wire §6.10: as the parser writes them, each once. */
function mediaUrls(inputs: readonly string[]): readonly string[] {
  const urls = inputs.map((input) => mediaUrl(input.trim()))
  if (urls.length === 0 || urls.length > MAX_POLICY_SERVERS) {
    const most = MAX_POLICY_SERVERS
    throw new ClientError("invalid_input", `A group has 1 to ${most} servers for attachments.`)
  }
  return [...new Set(urls)]
}

function mediaUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isWeb = url?.protocol === "https:" || url?.protocol === "http:"
  if (url === undefined || !isWeb || /[?#@]/.test(text) || url.href.length > MAX_URL) {
    throw new ClientError(
      "invalid_input",
      "The address of a server for attachments begins with https:// and has no query.",
    )
  }
  return url.href
}

/** Refusals of the protocol layers are about what the user asked for. */
async function translated<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof MarmotError || error instanceof MlsError)) throw error
    throw new ClientError("invalid_input", `This can't be done: ${error.message}.`)
  }
}

function pubkeyOf(input: string): string {
  return parsePerson(input).pubkey
}

/** An address that stands in the group already is never rewritten; what a person typed is completed. */
function relayUrl(input: string): string {
  return isRelayUrl(input) ? input : relayUrlFromInput(input)
}

/** Marmot wire §6.8: as the parser writes it. What nobody would fetch (§11) is not set. */
function pictureUrl(input: string): string {
  const text = input.trim()
  if (text === "") return ""
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.protocol === "https:" && !text.includes("#") && url.href.length <= MAX_URL
  if (url === undefined || !isPlain || !isPublicUrl(url.href)) {
    throw new ClientError(
      "invalid_input",
      "The address of a picture begins with https:// and names a public server.",
    )
  }
  return url.href
}

function checkSettings({ relays, retentionSeconds: seconds = 0 }: GroupChanges): void {
  if (relays?.length === 0 || (relays?.length ?? 0) > MAX_RELAYS) {
    throw new ClientError("invalid_input", `A group has 1 to ${MAX_RELAYS} relays.`)
  }
  if (!Number.isSafeInteger(seconds) || seconds < 0) {
    throw new ClientError("invalid_input", "That is no time after which messages can disappear.")
  }
}

function checkTexts(texts: { readonly name?: string; readonly description?: string }): void {
  const length = (text = "") => new TextEncoder().encode(text).length
  if (length(texts.name) > MAX_NAME_BYTES || length(texts.description) > MAX_DESCRIPTION_BYTES) {
    throw new ClientError("invalid_input", "The name or the description is too long.")
  }
}
