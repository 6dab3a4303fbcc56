// What one can do to a group: ask first where it matters, then do it; failures are shown.
import type { GroupView, MemberView } from "../../client/api.ts"
import type { AppState } from "../state/app.svelte.ts"
import { groupName, personName } from "../state/format.ts"
import { strings } from "../strings.ts"

const words = strings.group

export async function removeMember(
  app: AppState,
  group: GroupView,
  member: MemberView,
): Promise<boolean> {
  const yes = await app.confirmation.ask({
    title: words.removeTitle(personName(member)),
    body: words.removeBody,
    action: words.remove,
    danger: true,
  })
  return yes && (await app.attempt(() => app.api.removeMembers(group.groupId, [member.pubkey])))
}

/** For a member whose device has lost the group. */
export async function reinviteMember(
  app: AppState,
  group: GroupView,
  member: MemberView,
): Promise<boolean> {
  const yes = await app.confirmation.ask({
    title: words.reinviteTitle(personName(member)),
    body: words.reinviteBody,
    action: words.reinvite,
    danger: true,
  })
  return yes && (await app.attempt(() => app.api.reinvite(group.groupId, member.pubkey)))
}

export async function makeAdmin(
  app: AppState,
  group: GroupView,
  member: MemberView,
): Promise<boolean> {
  const yes = await app.confirmation.ask({
    title: words.makeAdminTitle(personName(member)),
    body: words.makeAdminBody,
    action: words.makeAdmin,
  })
  return yes && (await setAdmins(app, group, [...admins(group), member.pubkey]))
}

/** Dismisses someone else, or steps down oneself. */
export async function dismissAdmin(
  app: AppState,
  group: GroupView,
  member: MemberView,
): Promise<boolean> {
  const yes = await app.confirmation.ask({
    title: member.isSelf ? words.stepDownTitle : words.dismissTitle(personName(member)),
    body: member.isSelf ? words.stepDownBody : words.dismissBody,
    action: member.isSelf ? words.stepDown : words.dismissAdmin,
    danger: true,
  })
  const rest = admins(group).filter((pubkey) => pubkey !== member.pubkey)
  return yes && (await setAdmins(app, group, rest))
}

export async function leaveGroup(app: AppState, group: GroupView): Promise<boolean> {
  const yes = await app.confirmation.ask({
    title: words.leaveTitle(groupName(group.name)),
    body: group.canManage && group.members.length > 1 ? words.leaveAdminBody : words.leaveBody,
    action: words.leave,
    danger: true,
  })
  return yes && (await app.attempt(() => app.api.leave(group.groupId)))
}

/** Ends the group for everyone, which nobody can undo. */
export async function endGroup(app: AppState, group: GroupView): Promise<boolean> {
  const yes = await app.confirmation.ask({
    title: words.endTitle(groupName(group.name)),
    body: words.endBody(group.members.length - 1),
    action: words.end,
    danger: true,
    typed: words.endWord,
  })
  return yes && (await app.attempt(() => app.api.disband(group.groupId)))
}

/** Deletes the local copy of a group that can't be used any more. */
export async function forgetGroup(app: AppState, groupId: string): Promise<void> {
  const yes = await app.confirmation.ask({
    title: strings.standing.forgetTitle,
    body: strings.standing.forgetBody,
    action: strings.standing.forgetAction,
    danger: true,
  })
  if (!yes) return
  const done = await app.attempt(() => app.api.forget(groupId))
  if (done && app.router.groupId === groupId) app.router.openList(true)
}

function admins(group: GroupView): string[] {
  return group.members.filter((member) => member.isAdmin).map((member) => member.pubkey)
}

function setAdmins(app: AppState, group: GroupView, list: readonly string[]): Promise<boolean> {
  return app.attempt(() => app.api.updateGroup(group.groupId, { admins: list }))
}
