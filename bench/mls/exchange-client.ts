// The exchange of a large group's members, as they see it.

import type { Exchange } from "./large.ts"

/** Milliseconds before one asks again. */
const PAUSE = 50

/** `url`: what this member's requests begin with. */
export function exchangeAt(url: string): Exchange {
  const put = async (path: string, body: BodyInit) => {
    const { ok } = await fetch(url + path, { method: "PUT", body })
    if (!ok) throw new Error(`the exchange refused ${path}`)
  }
  return {
    async read(name) {
      for (;;) {
        const response = await fetch(`${url}items/${name}`)
        if (response.status === 200) return new Uint8Array(await response.arrayBuffer())
        if (!response.ok) throw new Error(`the exchange refused ${name}`)
        await new Promise((resolve) => setTimeout(resolve, PAUSE))
      }
    },
    write: (name, bytes) => put(`items/${name}`, bytes as Uint8Array<ArrayBuffer>),
    step: (step) => put("step", JSON.stringify(step)),
  }
}
