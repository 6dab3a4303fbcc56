// draft-ietf-mls-extensions-10 §6.5: multi-credentials.

import { beforeAll, describe, expect, test } from "vitest"
import { createCrypto } from "./backend.ts"
import { createCommit } from "./commit-create.ts"
import type { Credential } from "./credential.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { add, capabilities, keyPackageOf, testContext } from "./group.fixture.ts"
import type { AuthenticationService, MlsContext } from "./group-types.ts"
import { createGroup } from "./group.ts"
import { generateKeyPackage } from "./key-package.ts"
import { multiCredentialService, signCredentialBinding } from "./credential-binding.ts"
import { type CredentialBinding, multiCredential, readMultiCredential } from "./multi-credential.ts"
import { credentialTypes } from "./registry.ts"
import { cipherSuite } from "./suites.ts"
import { bytes, hex } from "./vectors.fixture.ts"

const basic = (identity: string): Credential => ({
  kind: "basic",
  identity: new TextEncoder().encode(identity),
})

const kinds = ["multi", "weak-multi"] as const
let crypto1: MlsCrypto
let crypto2: MlsCrypto

beforeAll(async () => {
  crypto1 = await createCrypto({ suite: cipherSuite(1) })
  crypto2 = await createCrypto({ suite: cipherSuite(2) })
})

/** Two credentials of two suites, bound to a leaf's key; knows which it was asked about. */
async function scene() {
  const leaf = await crypto1.generateSignatureKeyPair()
  const bind = async (crypto: MlsCrypto, name: string) =>
    signCredentialBinding(crypto, {
      credential: basic(name),
      credentialKeyPair: await crypto.generateSignatureKeyPair(),
      signatureKey: leaf.publicKey,
    })
  const bindings = [await bind(crypto1, "handle"), await bind(crypto2, "employee")] as const
  const asked: [string, string][] = []
  const inner: AuthenticationService = {
    validate(credential, key) {
      if (credential.kind !== "basic") throw new MlsError("misuse", "not basic")
      asked.push([new TextDecoder().decode(credential.identity), hex(key)])
    },
  }
  return { leaf, bindings, asked, inner }
}

const both = (suite: number) => [undefined, crypto1, crypto2][suite]
const firstOnly = (suite: number) => (suite === 1 ? crypto1 : undefined)

describe.each(kinds)("%s", (kind) => {
  test("every binding is verified and shown with its own key", async () => {
    const { leaf, bindings, asked, inner } = await scene()
    const credential = multiCredential(kind, bindings)
    expect(readMultiCredential(credential)).toEqual({ kind, bindings })
    await multiCredentialService(inner, both).validate(credential, leaf.publicKey, undefined)
    expect(asked).toEqual([
      ["handle", hex(bindings[0].credentialKey)],
      ["employee", hex(bindings[1].credentialKey)],
    ])
  })

  test.each([
    ["for another leaf's key", (binding: CredentialBinding) => binding, true],
    [
      "with another signature",
      (binding: CredentialBinding) => ({
        ...binding,
        signature: binding.signature.with(9, (binding.signature[9] ?? 0) ^ 1),
      }),
      false,
    ],
    [
      "of another identity",
      (binding: CredentialBinding) => ({ ...binding, credential: basic("admin") }),
      false,
    ],
  ])("a binding %s is refused", async (_name, change, anotherKey) => {
    const { leaf, bindings, inner } = await scene()
    const credential = multiCredential(kind, [bindings[0], change(bindings[1])])
    const key = anotherKey ? (await crypto1.generateSignatureKeyPair()).publicKey : leaf.publicKey
    const validating = multiCredentialService(inner, both).validate(credential, key, undefined)
    await expect(validating).rejects.toMatchObject({ code: "credential_binding" })
  })

  test("a binding that is not supported here", async () => {
    const { leaf, bindings, asked, inner } = await scene()
    const service = multiCredentialService(inner, firstOnly)
    const validate = (each: readonly CredentialBinding[]) =>
      service.validate(multiCredential(kind, each), leaf.publicKey, undefined)
    const refused = { code: "credential_binding" }
    if (kind === "multi") await expect(validate(bindings)).rejects.toMatchObject(refused)
    else {
      await validate(bindings)
      expect(asked.map(([name]) => name)).toEqual(["handle"])
    }
    // None that is supported, and none at all.
    await expect(validate([bindings[1]])).rejects.toMatchObject(refused)
    await expect(validate([])).rejects.toMatchObject(refused)
  })

  test("what the service refuses is refused", async () => {
    const { leaf, bindings } = await scene()
    const no: AuthenticationService = {
      validate() {
        throw new MlsError("misuse", "unknown here")
      },
    }
    const credential = multiCredential(kind, bindings)
    const validating = multiCredentialService(no, both).validate(
      credential,
      leaf.publicKey,
      undefined,
    )
    await expect(validating).rejects.toMatchObject({ code: "misuse" })
  })
})

test("a service that is a class is asked all that it answers", async () => {
  class Strict implements AuthenticationService {
    readonly #name: string = "one"
    validate() {
      return undefined
    }
    memberId() {
      return this.#name
    }
    validSuccessor() {
      return this.#name === "another"
    }
  }
  const { keyPackage } = await keyPackageOf(crypto1, "a")
  const service = multiCredentialService(new Strict(), both)
  expect(service.memberId?.(keyPackage.leafNode)).toBe("one")
  expect(service.validSuccessor?.(keyPackage.leafNode, keyPackage.leafNode)).toBe(false)
  const { inner } = await scene()
  expect(Object.keys(multiCredentialService(inner, both))).toEqual(["validate"])
})

test("damaged bindings are refused", () => {
  const damaged: Credential = { kind: "unknown", type: credentialTypes.multi, data: bytes("0001") }
  expect(() => readMultiCredential(damaged)).toThrow(expect.objectContaining({ code: "decode" }))
  expect(readMultiCredential(basic("a"))).toBeUndefined()
  expect(readMultiCredential({ ...damaged, type: 0x0a0a })).toBeUndefined()
})

test("a member with a multi-credential is added, and refused with a bad one", async () => {
  const { leaf, bindings, inner } = await scene()
  const ctx: MlsContext = {
    ...(await testContext("webcrypto")),
    auth: multiCredentialService(inner, both),
  }
  const options = {
    capabilities: {
      ...capabilities,
      cipherSuites: [1, 2],
      credentials: [1, credentialTypes.multi],
    },
    lifetime: { notBefore: 0n, notAfter: 2n ** 40n },
  }
  const keyPackage = await generateKeyPackage(ctx.crypto, { ...options, credential: basic("a") })
  const state = await createGroup(ctx, { groupId: bytes("01"), keyPackage, extensions: [] })
  const adding = async (signatureKeyPair?: typeof leaf) => {
    const own = await generateKeyPackage(ctx.crypto, {
      ...options,
      credential: multiCredential("multi", bindings),
      ...(signatureKeyPair && { signatureKeyPair }),
    })
    return createCommit(ctx, state, { proposals: [add(own)] })
  }
  expect((await adding(leaf)).summary.added).toEqual([1])
  await expect(adding()).rejects.toMatchObject({ code: "credential_binding" })
})
