// Marmot wire §5: other people's KeyPackages for one use that we have used: their owners delete the keys after the first.

import { MAX_LIFETIME } from "../marmot/registry.ts"
import type { Store } from "../store/types.ts"
import type { Chosen } from "./directory.ts"
import type { Draft } from "./draft.ts"
import { RecordMap } from "./record-map.ts"

interface UsedKeyPackage {
  /** Hex KeyPackageRef. */
  readonly ref: string
  /** Milliseconds. */
  readonly usedAt: number
}

export class UsedKeyPackages {
  readonly #records: RecordMap<UsedKeyPackage>

  /** `nameFor`: what stands for a ref in the store, in the clear: refs are public, and say whom we have invited. */
  constructor(nameFor: (ref: string) => string) {
    this.#records = new RecordMap<UsedKeyPackage>({
      table: "keyPackages",
      scope: "used",
      keyOf: ({ ref }) => ref,
      sortOf: nameFor,
    })
  }

  /** As `RecordMap.rename`. */
  rename(draft: Draft): void {
    this.#records.rename(draft)
  }

  load(store: Store): Promise<void> {
    return this.#records.load(store)
  }

  refs(): ReadonlySet<string> {
    return new Set(this.#records.values().map(({ ref }) => ref))
  }

  /** In the step that makes use of them. Those of last resort may be used again. */
  remember(draft: Draft, chosen: readonly Chosen[]): void {
    for (const { ref, lastResort } of chosen) {
      if (!lastResort) this.#records.put(draft, { ref, usedAt: draft.now })
    }
  }

  /** Nobody chooses what has expired. */
  sweep(draft: Draft): void {
    for (const { ref, usedAt } of this.#records.values(draft)) {
      if (draft.now > usedAt + MAX_LIFETIME * 1000) this.#records.delete(draft, ref)
    }
  }
}
