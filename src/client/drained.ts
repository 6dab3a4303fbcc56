// Reading what relays have stored goes on when what was read before has been taken in.

import type { World } from "./ports.ts"

const LOOK_MS = 50

/** Until `isFull` says no. */
export async function drained(timers: World["timers"], isFull: () => boolean): Promise<void> {
  while (isFull()) await new Promise<void>((resolve) => timers.setTimeout(resolve, LOOK_MS))
}
