/** The one in the middle, in the values' unit; of an even number, the larger of two. Throws where nothing was measured. */
export function median(values: readonly number[]): number {
  const middle = [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
  if (middle === undefined) throw new Error("nothing was measured")
  return middle
}
