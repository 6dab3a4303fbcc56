// RFC 9420 §5.1: a caller's own back end, OpenSSL's X448 and Ed448, agrees with noble's.

import { expect, test } from "vitest"
import { cipherSuite, createCrypto } from "../../src/mls/index.ts"
import { openssl448 } from "./grpc/openssl-448.ts"

const content = new TextEncoder().encode("content")
const label = "label"

test.each([4, 6])("suite %i", async (number) => {
  const suite = cipherSuite(number)
  const backend = openssl448(suite)
  if (backend === undefined) throw new Error("no back end")
  const [openssl, noble] = await Promise.all([
    createCrypto({ suite, backend }),
    createCrypto({ suite, backend: "noble" }),
  ])
  for (const [here, there] of [
    [openssl, noble],
    [noble, openssl],
  ] as const) {
    const { privateKey, publicKey } = await here.generateSignatureKeyPair()
    const signature = await here.sign(privateKey, label, content)
    expect(await there.sign(privateKey, label, content)).toEqual(signature)
    const check = { publicKey, label, content, signature }
    expect(await there.verify(check)).toBe(true)
    expect(await there.verify({ ...check, label: "another" })).toBe(false)

    const pair = await here.deriveKemKeyPair(content)
    expect(await there.deriveKemKeyPair(content)).toEqual(pair)
    const sealed = await there.encryptWithLabel(pair.publicKey, label, content, content)
    expect(await here.decryptWithLabel(pair.privateKey, label, content, sealed)).toEqual(content)
    const changed = {
      ...sealed,
      ciphertext: sealed.ciphertext.with(0, ~(sealed.ciphertext[0] ?? 0)),
    }
    await expect(
      here.decryptWithLabel(pair.privateKey, label, content, changed),
    ).rejects.toMatchObject({ code: "aead_failed" })
  }
})

test("suites of other curves are left to the usual back ends", () => {
  expect(openssl448(cipherSuite(1))).toBeUndefined()
})
