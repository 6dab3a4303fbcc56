// Marmot app components (marmot-wire §6): which bytes are valid for which id.

import { MarmotError } from "../error.ts"
import { componentIds } from "../registry.ts"
import { decodeAdminPolicy } from "./admin-policy.ts"
import { decodeAgentTextStream } from "./agent-text-stream.ts"
import { decodeAvatarUrl } from "./avatar-url.ts"
import { decodeBlossomImage } from "./blossom-image.ts"
import { decodeEncryptedMedia, decodeEncryptedMediaV1 } from "./encrypted-media.ts"
import { decodeGroupLifecycle } from "./group-lifecycle.ts"
import { decodeGroupProfile } from "./group-profile.ts"
import { decodeMessageRetention } from "./message-retention.ts"
import { decodeNostrRouting } from "./nostr-routing.ts"

/** Components whose state may stand in a GroupContext, by id. */
const GROUP_COMPONENTS: ReadonlyMap<number, (bytes: Uint8Array) => unknown> = new Map<
  number,
  (bytes: Uint8Array) => unknown
>([
  [componentIds.groupProfile, decodeGroupProfile],
  [componentIds.blossomImage, decodeBlossomImage],
  [componentIds.adminPolicy, decodeAdminPolicy],
  [componentIds.nostrRouting, decodeNostrRouting],
  [componentIds.messageRetention, decodeMessageRetention],
  [componentIds.agentTextStream, decodeAgentTextStream],
  [componentIds.avatarUrl, decodeAvatarUrl],
  [componentIds.encryptedMediaV1, decodeEncryptedMediaV1],
  [componentIds.encryptedMediaV2, decodeEncryptedMedia],
  [componentIds.groupLifecycle, decodeGroupLifecycle],
])

/** Checks the state of a known component; unknown ones are preserved and not judged. Throws `MarmotError` `invalid_component`. */
export function validateGroupComponent(id: number, state: Uint8Array): void {
  if (id === componentIds.identityProof) {
    throw new MarmotError(
      "invalid_component",
      "an identity proof belongs to a leaf, not to the group",
    )
  }
  GROUP_COMPONENTS.get(id)?.(state)
}
