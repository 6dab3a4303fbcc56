// The current minute, so that "Today" becomes "Yesterday" without a reload.
import { createSubscriber } from "svelte/reactivity"

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 30_000)
  return () => clearInterval(timer)
})

/** Unix seconds; read inside an effect or template it is read again each half minute. */
export function nowSeconds(): number {
  subscribe()
  return Date.now() / 1000
}
