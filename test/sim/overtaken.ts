// Behaviour §7, §8.5: a message is shown only if the group is no more than five epochs beyond it when it comes.

import { APP_WINDOW } from "../../src/marmot/limits.ts"
import type { Device } from "./device.ts"
import type { StateInfo } from "./witness.ts"
import type { World } from "./world.ts"

/**
 * Whether the protocol forbids `device` to show a message of `epoch`: it was beyond the window each time the message
 * came to it first; and its author, who would have said it again, was removed before the window had passed.
 */
export function isOvertaken(
  world: World,
  device: Device,
  { id, epoch }: { readonly id: string; readonly epoch: number },
  history: Iterable<StateInfo>,
): boolean {
  const author = world.devices.find(({ accepted }) =>
    accepted.some(({ messageId }) => messageId === id),
  )
  if (author === undefined) return false
  const isGone = [...history].some(
    (state) =>
      state.epoch > epoch &&
      state.epoch <= epoch + APP_WINDOW &&
      !state.members.includes(author.pubkey),
  )
  const carriers = [...(world.witness.carriers.get(id)?.keys() ?? [])]
  const tips = carriers.flatMap((eventId) => device.watched.arrivals.get(eventId) ?? [])
  return isGone && tips.length > 0 && tips.every((tip) => tip > epoch + APP_WINDOW)
}
