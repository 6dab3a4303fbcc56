// Marmot inbound processing §7 and the error taxonomy: what becomes of an input, in the specification's words.

import { MlsError, type MlsErrorCode } from "../mls/index.ts"
import { MarmotError, type MarmotErrorCode } from "./error.ts"

/** The current value of an input that the group has taken in; it may change as branches win and lose. */
export type Disposition = "accepted" | "deferred" | "stale" | "invalidated"

/** Why an input has no effect here, or none yet. */
export type InputCategory =
  /** The same protocol bytes were taken before, in whatever wrapper. */
  | "duplicate"
  /** Our own bytes came back. */
  | "own_echo"
  /** Addressed to somebody else. */
  | "wrong_recipient"
  /** There is no state to process it: never joined, removed, left or disbanded. */
  | "unknown_group"
  | "invalid_encoding"
  | "invalid_signature"
  | "unsupported_required_feature"
  | "authorization_failed"
  /** Outside of the retained windows. */
  | "stale_epoch"
  /** State within the horizon is lost; the group is unrecoverable. */
  | "missing_history"
  /** The outer layer does not open yet. It is kept and tried again with every new state. */
  | "transport_deferred"
  /** No room here. It is not remembered, and must be delivered again. */
  | "resource_refused"

/** One input's outcome. Terminal categories have no disposition; most dispositions have no category. */
export interface InputVerdict {
  readonly disposition?: Disposition
  readonly category?: InputCategory
}

export const accepted: InputVerdict = { disposition: "accepted" }
export const deferred: InputVerdict = { disposition: "deferred" }
export const invalidated: InputVerdict = { disposition: "invalidated" }
/** Older than what is retained (behaviour §7). */
export const BeyondAnchor: InputVerdict = { disposition: "stale", category: "stale_epoch" }
/** It needs state that is lost (behaviour §8.7). */
export const MissingRetainedAnchor: InputVerdict = {
  disposition: "deferred",
  category: "missing_history",
}

export const categorised = (category: InputCategory): InputVerdict => ({ category })

/** `undefined` for errors that are no verdict on an input: defects of our own. */
export function verdictOn(error: unknown): InputVerdict | undefined {
  if (error instanceof MlsError) {
    // The ratchet has passed it: its key was used, or given up with its place in the window.
    if (error.code === "message_key_used") return BeyondAnchor
    return categorised(mlsCategories[error.code] ?? "authorization_failed")
  }
  if (error instanceof MarmotError) {
    return categorised(marmotCategories[error.code] ?? "authorization_failed")
  }
  return undefined
}

/** What is not here breaks a rule for proposals, Commits or their result: `authorization_failed`. */
const mlsCategories: Partial<Record<MlsErrorCode, InputCategory>> = {
  decode: "invalid_encoding",
  app_data_order: "invalid_encoding",
  tree_malformed: "invalid_encoding",
  unexpected_message: "invalid_encoding",
  unsupported: "invalid_encoding",
  invalid_index: "invalid_encoding",
  invalid_public_key: "invalid_encoding",
  padding_not_zero: "invalid_encoding",
  application_not_encrypted: "invalid_encoding",
  extension_duplicate: "invalid_encoding",
  safe_aad: "invalid_encoding",
  wrong_epoch: "invalid_encoding",
  wrong_group: "unknown_group",
  own_commit: "own_echo",
  aead_failed: "invalid_signature",
  membership_tag: "invalid_signature",
  signature_invalid: "invalid_signature",
  confirmation_tag: "invalid_signature",
  leaf_signature_invalid: "invalid_signature",
  key_package_signature: "invalid_signature",
  welcome_not_for_us: "wrong_recipient",
  // Bounds of this device: with what lies between, or with less, it may be taken later.
  generation_too_far: "resource_refused",
  too_many_proposals: "resource_refused",
  leaf_required_extension: "unsupported_required_feature",
  leaf_required_proposal: "unsupported_required_feature",
  leaf_required_credential: "unsupported_required_feature",
  required_capabilities: "unsupported_required_feature",
  proposal_type_unsupported: "unsupported_required_feature",
  extension_unsupported: "unsupported_required_feature",
}

const marmotCategories: Partial<Record<MarmotErrorCode, InputCategory>> = {
  invalid_encoding: "invalid_encoding",
  invalid_event: "invalid_encoding",
  invalid_app_event: "invalid_encoding",
  invalid_identity_proof: "invalid_signature",
  unsupported_group: "unsupported_required_feature",
  disbanded: "unknown_group",
}
