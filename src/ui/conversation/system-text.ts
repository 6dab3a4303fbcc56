// What happened in a group, in one sentence.
import type { PersonView, SystemEvent } from "../../client/api.ts"
import { personName, span } from "../state/format.ts"
import { strings } from "../strings.ts"

export function systemText(change: SystemEvent, self: string | undefined): string {
  const subject = (person: PersonView) =>
    person.pubkey === self ? strings.system.you : personName(person)
  const object = (person: PersonView) =>
    person.pubkey === self ? strings.system.youObject : personName(person)
  switch (change.event) {
    case "member_added":
    case "member_removed":
    case "admin_added":
      return strings.system[change.event](subject(change.actor), object(change.subject))
    case "admin_removed":
      return change.actor.pubkey === change.subject.pubkey
        ? strings.system.admin_resigned(subject(change.actor))
        : strings.system.admin_removed(subject(change.actor), object(change.subject))
    case "member_left":
      return strings.system.member_left(subject(change.subject))
    case "group_renamed":
      return strings.system.group_renamed(subject(change.actor), change.name)
    case "disappearing_timer_changed":
      return change.seconds === 0
        ? strings.system.timer_off(subject(change.actor))
        : strings.system.timer_on(subject(change.actor), span(change.seconds))
    case "group_created":
    case "joined":
    case "group_avatar_changed":
    case "description_changed":
    case "routing_changed":
    case "removed_self":
    case "group_disbanded":
      return strings.system[change.event](subject(change.actor))
    case "change_lost":
      return change.text
  }
}
