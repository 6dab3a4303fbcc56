// RFC 9420 §15: what is done for each of thousands of members goes on in batches: only some of it is held at a time, and
// between them others have their turn in the thread.

/** Batches that may be under way: one is prepared while another's cryptography runs on other threads. */
const UNDER_WAY = 2

/**
 * WebCrypto's keys are kilobytes outside of the heap, of which engines count next to nothing: of those that are used up,
 * they let tens of thousands pile up before they collect them. A large buffer they count, and as long as nobody writes
 * to it it takes no memory. Items, or parts of other work, after which there is a new one, and its bytes.
 */
const UNSEEN = 2048
const UNSEEN_PARTS = 48
const WEIGHT = 2 ** 26

/** Where there is no room for it, nothing is lost. */
function weight(): ArrayBuffer | undefined {
  try {
    return new ArrayBuffer(WEIGHT)
  } catch {
    return undefined
  }
}

/** Calls `work` with each slice of `items`, in order, and gives what it resolves to, in order. Throws what it throws first. */
export async function inBatches<T, R>(
  items: readonly T[],
  size: number,
  work: (batch: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const results: R[] = []
  const underWay: Promise<readonly R[]>[] = []
  const held: (ArrayBuffer | undefined)[] = []
  const settleOldest = async () => {
    for (const result of (await underWay.shift()) ?? []) results.push(result)
  }
  for (let start = 0; start < items.length; start += size) {
    const batch = work(items.slice(start, start + size))
    // Awaited in its turn; until then it is no unhandled rejection.
    batch.catch(() => undefined)
    underWay.push(batch)
    if (underWay.length < UNDER_WAY) continue
    await settleOldest()
    await othersTurn()
    if (start % UNSEEN < size) held[0] = weight()
  }
  while (underWay.length > 0) await settleOldest()
  return results
}

/** Runs to its end at once. */
export function atOnce<T>(work: Generator<unknown, T>): T {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}

/** Runs to its end, and lets others have their turn whenever it yields. */
export async function inTurns<T>(work: Generator<unknown, T>): Promise<T> {
  const held: (ArrayBuffer | undefined)[] = []
  for (let part = 1; ; part++) {
    const step = work.next()
    if (step.done === true) return step.value
    await othersTurn()
    if (part % UNSEEN_PARTS === 0) held[0] = weight()
  }
}

/** Bytes, or items of a list, that one operation takes milliseconds for. */
const LONG = 2 ** 20
const MANY = 2 ** 12

/**
 * Before an operation that can't be done in parts. If it takes long it is a stretch of its own, and what was before it
 * another one.
 */
export async function ownStretch(on: Uint8Array | readonly unknown[]): Promise<void> {
  if (on.length >= (on instanceof Uint8Array ? LONG : MANY)) await othersTurn()
}

/**
 * One turn of the event loop. Awaiting cryptography is none: an engine may have the result at once, and then goes on with
 * nothing but what awaited it.
 */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => {
    // Timers would wait for milliseconds.
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
