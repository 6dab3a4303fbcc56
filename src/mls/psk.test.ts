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
