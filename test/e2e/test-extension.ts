// A NIP-07 extension for the tests: the key stays outside of the page, and every prompt is counted.

import { finalizeEvent, generateSecretKey, getPublicKey, nip44 } from "nostr-tools"
import type { Page } from "playwright-core"

type Method = "getPublicKey" | "signEvent" | "nip44.encrypt" | "nip44.decrypt"

interface Template {
  readonly kind: number
  readonly created_at: number
  readonly tags: string[][]
  readonly content: string
}

export class TestExtension {
  readonly #secretKey = generateSecretKey()
  /** Prompts so far; events to be signed are counted by kind as well. */
  readonly prompts = new Map<string, number>()

  /** What the extension's user would have had to confirm. */
  get total(): number {
    return [...this.prompts.values()].reduce((sum, count) => sum + count, 0)
  }

  async install(page: Page): Promise<void> {
    await page.exposeFunction("testExtension", (method: Method, args: unknown[]) =>
      this.#answer(method, args),
    )
    await page.addInitScript(() => {
      type Ask = (method: string, args: unknown[]) => Promise<unknown>
      const ask: Ask = (method, args) =>
        (window as unknown as { testExtension: Ask }).testExtension(method, args)
      const nostr = {
        getPublicKey: () => ask("getPublicKey", []),
        signEvent: (event: unknown) => ask("signEvent", [event]),
        nip44: {
          encrypt: (pubkey: string, text: string) => ask("nip44.encrypt", [pubkey, text]),
          decrypt: (pubkey: string, text: string) => ask("nip44.decrypt", [pubkey, text]),
        },
      }
      Object.assign(window, { nostr })
    })
  }

  #answer(method: Method, args: unknown[]): unknown {
    const [first, second] = args as [string | Template, string]
    const name = typeof first === "object" ? `${method} ${first.kind}` : method
    this.prompts.set(name, (this.prompts.get(name) ?? 0) + 1)
    if (method === "getPublicKey") return getPublicKey(this.#secretKey)
    if (typeof first === "object") return finalizeEvent({ ...first }, this.#secretKey)
    const key = nip44.getConversationKey(this.#secretKey, first)
    return method === "nip44.encrypt" ? nip44.encrypt(second, key) : nip44.decrypt(second, key)
  }
}
