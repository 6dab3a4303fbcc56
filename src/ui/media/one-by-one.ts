// One thing after the other.

export type InTurn = <T>(work: () => Promise<T>) => Promise<T>

/** What it is given begins when what came before has ended, well or not. */
export function oneByOne(): InTurn {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const done = last.then(work)
    last = done.catch(() => undefined)
    return done
  }
}
