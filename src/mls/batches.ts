// RFC 9420 §15: what is done for each of thousands of members goes on in batches, so that only some of it is held at a time.

/** Batches that may be under way: one is prepared while another's cryptography runs on other threads. */
const UNDER_WAY = 2

/** Calls `work` with each slice of `items`, in order, and gives what it resolves to, in order. Throws what it throws first. */
export async function inBatches<T, R>(
  items: readonly T[],
  size: number,
  work: (batch: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const results: R[] = []
  const underWay: Promise<readonly R[]>[] = []
  const settleOldest = async () => {
    for (const result of (await underWay.shift()) ?? []) results.push(result)
  }
  for (let start = 0; start < items.length; start += size) {
    const batch = work(items.slice(start, start + size))
    // Awaited in its turn; until then it is no unhandled rejection.
    batch.catch(() => undefined)
    underWay.push(batch)
    if (underWay.length === UNDER_WAY) await settleOldest()
  }
  while (underWay.length > 0) await settleOldest()
  return results
}
