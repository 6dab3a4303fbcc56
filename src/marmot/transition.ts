// A step of the engine while it is being taken: the successor so far and the effects so far.

import type { GroupState, MlsContext } from "../mls/index.ts"
import { accountService } from "./account-service.ts"
import type { Ahead } from "./ahead.ts"
import { tipOf } from "./graph.ts"
import type {
  AppRecord,
  Effect,
  EngineEnv,
  IntentFailure,
  MarmotGroup,
  MessageId,
  StateNode,
  Step,
} from "./engine-types.ts"
import { statesOf } from "./wipe.ts"

/**
 * Lives inside one call of `apply`. Every value that it holds is immutable; `set` replaces the successor, and a step
 * that throws leaves the group that it started from as it was.
 */
export class Transition {
  readonly env: EngineEnv
  readonly mls: MlsContext
  group: MarmotGroup
  /** New states or proposals: what was put aside is worth another look. */
  candidatesChanged = false
  /** The input is what relays have stored, oldest first, and more of it may follow at once. */
  isCatchingUp = false
  /** This step's own copy of `group.apps`: made once, since there are as many as messages. */
  #apps: Map<MessageId, AppRecord> | undefined
  /** Of a step that brings many events: what was opened ahead of its turn. */
  ahead: Ahead | undefined
  /** The event at hand came from a relay while we listened. */
  isNews = false
  /** What this step has spent so far on keys of passed states (`MAX_PASSED_EFFORT`). */
  passedEffort = 0
  readonly #effects: Effect[] = []
  /** Every MLS state that the step began with or made, by what no two epochs share. */
  readonly #touched = new Map<GroupState["epochSecrets"], GroupState>()

  constructor(group: MarmotGroup, env: EngineEnv) {
    this.group = group
    for (const state of statesOf(group)) this.#touched.set(state.epochSecrets, state)
    this.env = env
    this.mls = mlsContext(env)
  }

  get tip(): StateNode {
    return tipOf(this.group)
  }

  set(change: Partial<MarmotGroup>): void {
    this.group = { ...this.group, ...change }
  }

  putState(node: StateNode): void {
    this.touch(node)
    this.set({ states: new Map(this.group.states).set(node.id, node) })
  }

  /** Its secrets are looked after: they are released once the group holds them no more. */
  touch({ mls }: StateNode): void {
    if (mls !== undefined) this.#touched.set(mls.epochSecrets, mls)
  }

  putApp(app: AppRecord): void {
    if (this.#apps !== this.group.apps) {
      this.#apps = new Map(this.group.apps)
      this.set({ apps: this.#apps })
    }
    this.#apps.set(app.messageId, app)
  }

  emit(effect: Effect): void {
    this.#effects.push(effect)
  }

  failIntent(intentId: string, code: IntentFailure, message: string): void {
    this.emit({ type: "intentDone", intentId, result: { ok: false, code, message } })
  }

  /** At the canonical epoch. */
  completeIntent(intentId: string): void {
    this.emit({ type: "intentDone", intentId, result: { ok: true, epoch: this.tip.epoch } })
  }

  /** Takes nothing more: what it made belongs to others now. */
  finish(): Step {
    this.#apps = undefined
    const kept = new Set(statesOf(this.group).map((state) => state.epochSecrets))
    const released = [...this.#touched].flatMap(([key, state]) => (kept.has(key) ? [] : [state]))
    return { group: this.group, effects: this.#effects, released }
  }
}

/** Without a clock: no two members may judge a received Commit differently because their clocks differ. */
export function mlsContext(env: EngineEnv): MlsContext {
  // §12.4 wants proposals committed before anything is said. In Marmot only admins may commit most of them, and a
  // SelfRemove waits for its committer by a timer (behaviour): whoever may not commit would be silenced by any proposal.
  return { crypto: env.crypto, auth: accountService(env.crypto), commitBeforeSending: false }
}

/** For Commits of our own: whoever invites makes sure that the KeyPackages are valid today. */
export function inviterContext(env: EngineEnv): MlsContext {
  return { ...mlsContext(env), now: Math.floor(env.now / 1000) }
}
