// RFC 9420 §8.6, §9.2, §15.3: past epochs, kept for messages that come late and for their resumption PSKs, and for no longer.

import { equalBytes } from "./bytes.ts"
import type { GroupState, MlsContext, Processed, PskStore } from "./group-types.ts"
import { peekMessage } from "./peek.ts"
import { processMessage } from "./process.ts"
import { contentTypes } from "./registry.ts"

/** A group's current epoch and what is left of those before. A value, as `GroupState`. */
export interface EpochWindow {
  readonly current: GroupState
  /**
   * The newest first: application messages of these epochs can still be read, and secrets exported. Their other secrets
   * are gone.
   */
  readonly past: readonly GroupState[]
  /** Of past epochs, the newest first. */
  readonly resumptionPsks: readonly ResumptionSecret[]
}

/** The resumption PSK of an epoch (§8.6), `KDF.Nh` bytes. */
export interface ResumptionSecret {
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly secret: Uint8Array
}

/** How much of the past a window keeps. */
export interface EpochRetention {
  /** Past epochs whose messages can be read. Default 3: unread ones of these can be read by who takes the device. */
  readonly epochs?: number
  /** Past epochs whose resumption PSKs are kept. Default 16. */
  readonly resumptionPsks?: number
}

/** A window that begins with this epoch, as after founding or joining. */
export function openEpochWindow(state: GroupState): EpochWindow {
  return { current: state, past: [], resumptionPsks: [] }
}

/**
 * The window after a commit: `next` is current, and what is older than `retention` allows is not in it any more. `window`:
 * of `processInWindow`; after a commit of one's own, with the `state` that came with it as the current one. Then the key of
 * a commit that was encrypted is gone (§9.2).
 */
export function advanceEpoch(
  window: EpochWindow,
  next: GroupState,
  { epochs = 3, resumptionPsks = 16 }: EpochRetention = {},
): EpochWindow {
  const { groupContext, epochSecrets } = window.current
  const { groupId, epoch } = groupContext
  const resumption = { groupId, epoch, secret: epochSecrets.resumptionPsk }
  return {
    current: next,
    past: [readable(window.current), ...window.past].slice(0, epochs),
    resumptionPsks: [resumption, ...window.resumptionPsks].slice(0, resumptionPsks),
  }
}

/**
 * §9.2: of an epoch that is over only what reads its messages, and what was exported from it. With its init secret or the
 * keys of its tree the next epoch, and all messages of that one, could be had again from its commit.
 */
function readable(state: GroupState): GroupState {
  const gone = new Uint8Array()
  return {
    ...state,
    epochSecrets: {
      ...state.epochSecrets,
      initSecret: gone,
      externalSecret: gone,
      confirmationKey: gone,
      membershipKey: gone,
      resumptionPsk: gone,
    },
    treePrivate: { leafIndex: state.treePrivate.leafIndex, keys: new Map() },
    signaturePrivateKey: gone,
    proposals: new Map(),
  }
}

/** A message's meaning, and the window after it. */
export interface ProcessedInWindow {
  readonly processed: Processed
  /**
   * With the state that was changed. Of a commit only the message key is gone that opened it: the caller advances, or
   * does not.
   */
  readonly window: EpochWindow
}

/**
 * `processMessage` with the state of the message's epoch. Of a past epoch only application messages are taken. Throws as
 * `processMessage`, `wrong_epoch` also for an epoch that is no longer kept and for a past epoch's handshake.
 */
export async function processInWindow(
  ctx: MlsContext,
  window: EpochWindow,
  message: Uint8Array,
): Promise<ProcessedInWindow> {
  const asked = { ...ctx, psks: windowPsks(window, ctx.psks) }
  const peeked = peekMessage(message)
  const at = window.past.findIndex(({ groupContext }) => groupContext.epoch === peeked.epoch)
  const state = peeked.contentType === contentTypes.application ? window.past[at] : undefined
  const processed = await processMessage(asked, state ?? window.current, message)
  return {
    processed,
    window:
      state === undefined
        ? { ...window, current: processed.state }
        : { ...window, past: window.past.with(at, processed.state) },
  }
}

/** The window's resumption PSKs (§8.6), and of what it does not hold those of `others`. */
export function windowPsks({ resumptionPsks }: EpochWindow, others?: PskStore): PskStore {
  return {
    psk(id) {
      const found =
        id.kind === "resumption"
          ? resumptionPsks.find(
              ({ groupId, epoch }) => epoch === id.pskEpoch && equalBytes(groupId, id.pskGroupId),
            )
          : undefined
      return found?.secret ?? others?.psk(id)
    },
  }
}
