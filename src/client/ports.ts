// What the client needs of the world, given at construction: nothing in this folder reaches for a global.

import type { MlsCrypto } from "../mls/index.ts"
import type { Store } from "../store/types.ts"
import type { Blossom } from "../nostr/blossom.ts"
import type { Nip07Provider } from "../nostr/nip07-signer.ts"
import type { RelayPool } from "../nostr/pool.ts"
import type { Timer, Timers } from "../nostr/timers.ts"
import type { Engine } from "./engine.ts"

export type { Timer, Timers }

/** For what nobody is waiting for. No ids, keys or texts of the user go in. */
export type Log = (message: string, error?: unknown) => void

/** Media servers, and those that the user has chosen. */
export interface MediaPorts {
  readonly blossom: Blossom
  /** Base URLs, first choice first. */
  readonly servers: readonly string[]
}

/** The world, as every part of the client sees it. */
export interface World {
  readonly crypto: MlsCrypto
  readonly engine: Engine
  readonly pool: RelayPool
  readonly store: Store
  readonly timers: Timers
  readonly defaultRelays: readonly string[]
  /** Absent where no files can be sent or fetched. */
  readonly media?: MediaPorts | undefined
  readonly log: Log
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly random: (length: number) => Uint8Array
  /** One turn of the event loop, where the thread has others to serve. */
  readonly othersTurn?: (() => Promise<void>) | undefined
}

/** A browser extension, or `undefined` where there can be none (the headless client). */
export type Extension = Nip07Provider | undefined
