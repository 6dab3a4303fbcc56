// Timers as everything that waits here gets them: given at construction, so that a simulation can hold the time.

export type Timer = ReturnType<typeof setTimeout>

export interface Timers {
  setTimeout(run: () => void, milliseconds: number): Timer
  /** Of `undefined`: nothing happens. */
  clearTimeout(timer: Timer | undefined): void
}

/** The platform's, looked up when they are used: tests may replace them. */
export const systemTimers: Timers = {
  setTimeout: (run, milliseconds) => setTimeout(run, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer),
}
