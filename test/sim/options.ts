// What the command line of the simulator says.

/** Without a process nothing would run, and nothing fail. */
export function jobsOf(text: string): number {
  const jobs = Number(text)
  if (!Number.isSafeInteger(jobs) || jobs < 1) throw new Error(`no number of processes: ${text}`)
  return jobs
}

const MAX_SEEDS = 1_000_000

/** `7`, `1..500`, or several of them with commas. */
export function seedsOf(text: string): readonly number[] {
  return text.split(",").flatMap((part) => {
    const [from = NaN, to = from] = part.split("..").map(Number)
    if (
      !Number.isSafeInteger(from) ||
      !Number.isSafeInteger(to) ||
      to < from ||
      to - from >= MAX_SEEDS
    ) {
      throw new Error(`no seeds: ${part}`)
    }
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}
