// The client's failures: whatever a lower layer throws becomes one of the codes that the user interface knows.

import { RelayError, SignerError } from "../nostr/error.ts"
import { StoreError } from "../store/error.ts"
import type { IntentFailure } from "../marmot/engine-types.ts"
import { ClientError } from "./api.ts"
import type { ClientErrorCode, ClientFailure } from "./api.ts"

/** The `ClientError` that stands for `error`; nothing of an unexpected error's text is shown. */
export function asClientError(error: unknown): ClientError {
  if (error instanceof ClientError) return error
  if (error instanceof StoreError) {
    return new ClientError("storage_failed", "Your device could not save this. Is the disk full?")
  }
  if (error instanceof SignerError) return signerFailure(error)
  if (error instanceof RelayError) return new ClientError("invalid_input", sentence(error.message))
  return new ClientError("internal", "Something went wrong inside Burrow.")
}

/** Plain data for the way to another thread or process. */
export function asFailure(error: unknown): ClientFailure {
  const { code, message } = asClientError(error)
  return { code, message }
}

/** Why the engine could not meet a wish. */
export function intentError(code: IntentFailure, message: string): ClientError {
  return new ClientError(intentCodes[code], intentSentences[code] ?? sentence(message))
}

function signerFailure(error: SignerError): ClientError {
  if (error.code === "refused" || error.code === "unavailable") {
    return new ClientError(
      "signer_refused",
      "The signing extension did not agree, or is not there.",
    )
  }
  if (error.code === "changed_event") {
    return new ClientError("signer_refused", "The signing extension changed what it should sign.")
  }
  return new ClientError("invalid_input", sentence(error.message))
}

const intentCodes: Record<IntentFailure, ClientErrorCode> = {
  not_admin: "not_admin",
  not_active: "not_active",
  not_a_member: "invalid_input",
  already_member: "not_invitable",
  last_admin: "last_admin",
  invalid_change: "invalid_input",
  not_invitable: "not_invitable",
  publish_rejected: "publish_failed",
  queue_full: "timeout",
  unsupported: "invalid_input",
  media_outdated: "change_lost",
  expired: "publish_failed",
}

const intentSentences: Partial<Record<IntentFailure, string>> = {
  not_admin: "Only an admin of the group can do this.",
  not_active: "You can no longer change this group.",
  not_a_member: "This person is not in the group.",
  already_member: "This person is in the group already.",
  last_admin: "A group needs an admin: name another one first.",
  publish_rejected: "No relay accepted the change.",
  media_outdated: "The group changed while the files were on their way. Send them again.",
  expired: "It was over before it could be sent: messages disappear here.",
  queue_full: "Too much is waiting to be sent already.",
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
