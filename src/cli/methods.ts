// The headless client's methods, as cli.md lists them: parameters in, the client's answers out.

import { groupFeatures } from "../client/api.ts"
import type { ClientApi, GroupChanges, PersonView } from "../client/api.ts"
import { parsePerson } from "../nostr/address.ts"
import { fetchFile, sendFile } from "./media.ts"
import { listMessages } from "./message-list.ts"
import {
  CliError,
  optionalFlag,
  optionalInteger,
  optionalTags,
  optionalText,
  optionalTexts,
  text,
  texts,
} from "./protocol.ts"
import type { Params } from "./protocol.ts"

type Method = (api: ClientApi, params: Params) => Promise<unknown>

/** Throws `CliError` `unknown_method` or `invalid_params`, and whatever `ClientError` the client has. */
export function callMethod(api: ClientApi, name: string, params: Params): Promise<unknown> {
  const method = methods.get(name)
  if (method === undefined) throw new CliError("unknown_method", `there is no method "${name}"`)
  return method(api, params)
}

const nothing = async (done: Promise<void>) => {
  await done
  return {}
}

const identity = ({ pubkey, npub }: PersonView) => ({ pubkey, npub })

const methods = new Map<string, Method>([
  [
    "account.create",
    async (api, params) =>
      identity(await api.createAccount({ name: optionalText(params, "name") ?? "" })),
  ],
  [
    "account.import",
    async (api, params) => identity(await api.importAccount({ nsec: text(params, "nsec") })),
  ],
  ["account.ready", (api) => api.ensureReachable()],
  [
    "groups.create",
    (api, params) =>
      api.createGroup({
        name: text(params, "name"),
        description: optionalText(params, "description") ?? "",
        members: optionalTexts(params, "members") ?? [],
      }),
  ],
  ["groups.list", listGroups],
  ["groups.invite", (api, params) => api.invite(text(params, "groupId"), texts(params, "members"))],
  [
    "groups.remove",
    (api, params) => api.removeMembers(text(params, "groupId"), texts(params, "members")),
  ],
  ["groups.leave", (api, params) => nothing(api.leave(text(params, "groupId")))],
  ["groups.disband", (api, params) => nothing(api.disband(text(params, "groupId")))],
  ["groups.update", updateGroup],
  ["groups.selfUpdate", (api, params) => api.selfUpdate(text(params, "groupId"))],
  ["groups.features", listFeatures],
  ["groups.upgrade", upgradeGroup],
  ["groups.fingerprint", (api, params) => api.fingerprint(text(params, "groupId"))],
  ["invites.list", listInvites],
  ["invites.accept", (api, params) => api.acceptInvite(text(params, "inviteId"))],
  ["invites.decline", (api, params) => nothing(api.declineInvite(text(params, "inviteId")))],
  ["messages.send", sendMessage],
  ["messages.react", (api, params) => about(api, params, { kind: 7, content: "content" })],
  ["messages.edit", (api, params) => about(api, params, { kind: 1009, content: "content" })],
  ["messages.delete", (api, params) => about(api, params, { kind: 5 })],
  [
    "messages.list",
    (api, params) =>
      listMessages(api, text(params, "groupId"), {
        limit: optionalInteger(params, "limit") ?? 50,
        before: optionalText(params, "before"),
      }),
  ],
  ["media.send", sendFile],
  ["media.fetch", fetchFile],
  [
    "sync",
    (api, params) => {
      const timeoutMs = optionalInteger(params, "timeoutMs")
      return nothing(api.sync(timeoutMs === undefined ? {} : { timeoutMs }))
    },
  ],
])

async function listGroups(api: ClientApi): Promise<unknown> {
  const chats = await api.chats()
  const groups = await Promise.all(chats.map(({ groupId }) => api.group(groupId)))
  return groups.map(({ groupId, name, description, epoch, members, standing, ...rest }) => ({
    groupId,
    name,
    description,
    epoch,
    members: members.map(({ pubkey }) => pubkey),
    admins: members.filter(({ isAdmin }) => isAdmin).map(({ pubkey }) => pubkey),
    state: standing,
    relays: rest.relays,
    retentionSeconds: rest.retentionSeconds,
  }))
}

async function updateGroup(api: ClientApi, params: Params): Promise<unknown> {
  const retentionSeconds = optionalInteger(params, "retentionSeconds")
  const newAddress = optionalFlag(params, "newAddress")
  const name = optionalText(params, "name")
  const description = optionalText(params, "description")
  const admins = optionalTexts(params, "admins")
  const relays = optionalTexts(params, "relays")
  const avatarUrl = optionalText(params, "avatarUrl")
  const mediaServers = optionalTexts(params, "mediaServers")
  const changes: GroupChanges = {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(admins === undefined ? {} : { admins: admins.map((input) => parsePerson(input).pubkey) }),
    ...(relays === undefined ? {} : { relays }),
    ...(newAddress === undefined ? {} : { newAddress }),
    ...(avatarUrl === undefined ? {} : { avatarUrl }),
    ...(mediaServers === undefined ? {} : { mediaServers }),
    ...(retentionSeconds === undefined ? {} : { retentionSeconds }),
  }
  return api.updateGroup(text(params, "groupId"), changes)
}

async function listFeatures(api: ClientApi, params: Params): Promise<unknown> {
  const { features } = await api.group(text(params, "groupId"))
  return features
}

function upgradeGroup(api: ClientApi, params: Params): Promise<unknown> {
  const wanted = optionalTexts(params, "features") ?? []
  const features = wanted.map((name) => {
    const known = groupFeatures.find((feature) => feature === name)
    if (known === undefined) throw new CliError("invalid_params", `there is no feature "${name}"`)
    return known
  })
  return api.upgradeGroup(text(params, "groupId"), features, optionalTexts(params, "mediaServers"))
}

async function listInvites(api: ClientApi): Promise<unknown> {
  const invites = await api.invites()
  return invites.map(({ inviteId, groupName, inviter, members }) => ({
    inviteId,
    groupName,
    inviter: inviter.pubkey,
    members: members.map(({ pubkey }) => pubkey),
  }))
}

function sendMessage(api: ClientApi, params: Params): Promise<unknown> {
  const replyTo = optionalText(params, "replyTo")
  const kind = optionalInteger(params, "kind")
  const tags = optionalTags(params, "tags")
  return api.sendMessage(text(params, "groupId"), {
    content: text(params, "content"),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(kind === undefined ? {} : { kind }),
    ...(tags === undefined ? {} : { tags }),
  })
}

/** An event about a message: its one `e` tag names it (wire §8.2). */
function about(
  api: ClientApi,
  params: Params,
  { kind, content }: { readonly kind: number; readonly content?: string },
): Promise<unknown> {
  return api.sendMessage(text(params, "groupId"), {
    kind,
    content: content === undefined ? "" : text(params, content),
    tags: [["e", text(params, "messageId")]],
  })
}
