// Marmot authorization, before the fact: what the local user may not do is refused with words.

import type { IntentFailure } from "./engine-types.ts"

/** A wish that the rules forbid, in words for the user. Caught where wishes are met. */
export class IntentRefused extends Error {
  readonly code: IntentFailure
  constructor(code: IntentFailure, message: string) {
    super(message)
    this.code = code
  }
}
