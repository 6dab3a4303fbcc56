import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { pskSecret } from "./psk.ts"
import { bytes, hex, implemented, vectorBackEnds, vectorCrypto } from "./vectors.fixture.ts"

interface PskSecretVector {
  readonly cipher_suite: number
  readonly psks: readonly {
    readonly psk_id: string
    readonly psk: string
    readonly psk_nonce: string
  }[]
  readonly psk_secret: string
}

withShared<PskSecretVector[]>("vectors/mls/psk_secret.json", (vectors) => {
  describe.each(vectorBackEnds)("psk_secret on %s", (backend) => {
    test.each(implemented(vectors))("suite $cipher_suite, PSKs $psks.length", async (vector) => {
      const crypto = await vectorCrypto(vector, backend)
      const psks = vector.psks.map((psk) => ({
        id: { kind: "external", pskId: bytes(psk.psk_id), pskNonce: bytes(psk.psk_nonce) } as const,
        secret: bytes(psk.psk),
      }))
      expect(hex(pskSecret(crypto, psks))).toBe(vector.psk_secret)
    })
  })
})

test("a PSKLabel counts no more than 65,535 PSKs", async () => {
  const crypto = await vectorCrypto({ cipher_suite: 1 }, "noble")
  const id = { kind: "external", pskId: new Uint8Array(), pskNonce: new Uint8Array(32) } as const
  const psks = Array.from({ length: 65_536 }, () => ({ id, secret: new Uint8Array(32) }))
  expect(() => pskSecret(crypto, psks)).toThrow(expect.objectContaining({ code: "decode" }))
})
