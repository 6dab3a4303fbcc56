// RFC 9420 §11: what a creator may not found a group with.

import { describe, expect, test } from "vitest"
import { encode } from "./codec.ts"
import { MlsError } from "./error.ts"
import { encodeRequiredCapabilities } from "./extensions.ts"
import { backends, capabilities, codeOf, keyPackageOf, testContext } from "./group.fixture.ts"
import { createGroup } from "./group.ts"
import type { MlsContext } from "./group-types.ts"
import type { OwnKeyPackage } from "./key-package.ts"
import { extensionTypes } from "./registry.ts"

const UNKNOWN = 0xf0a0

describe.each(backends)("founding a group, %s", (backend) => {
  const found = async (
    change: {
      readonly ctx?: Partial<MlsContext>
      readonly extensions?: Parameters<typeof createGroup>[1]["extensions"]
      readonly keyPackage?: (own: OwnKeyPackage) => OwnKeyPackage
    },
    ofLeaf: Parameters<typeof keyPackageOf>[2] = {},
  ) => {
    const ctx = { ...(await testContext(backend)), ...change.ctx }
    const own = await keyPackageOf(ctx.crypto, "alice", ofLeaf)
    const keyPackage = change.keyPackage?.(own) ?? own
    const { extensions = [] } = change
    return codeOf(() => createGroup(ctx, { groupId: Uint8Array.of(1), keyPackage, extensions }))
  }
  const required = (types: Partial<Parameters<typeof encodeRequiredCapabilities>[1]>) => ({
    type: extensionTypes.requiredCapabilities,
    data: encode(encodeRequiredCapabilities, {
      extensions: [],
      proposals: [],
      credentials: [],
      ...types,
    }),
  })

  test("nothing is wrong with a plain group", async () => {
    expect(await found({})).toBe("nothing thrown")
  })

  test("leaf_group_extension: an extension that the creator does not support", async () => {
    const extensions = [{ type: UNKNOWN, data: Uint8Array.of(1) }]
    expect(await found({ extensions })).toBe("leaf_group_extension")
  })

  test("leaf_required_extension, leaf_required_proposal, leaf_required_credential", async () => {
    const extensions = [required({ extensions: [UNKNOWN] })]
    expect(await found({ extensions })).toBe("leaf_required_extension")
    const proposals = [required({ proposals: [UNKNOWN] })]
    expect(await found({ extensions: proposals })).toBe("leaf_required_proposal")
    const credentials = [required({ credentials: [UNKNOWN] })]
    expect(await found({ extensions: credentials })).toBe("leaf_required_credential")
  })

  test("leaf_suite_unsupported, leaf_version_unsupported: of the creator's own leaf", async () => {
    const suites = { capabilities: { ...capabilities, cipherSuites: [2] } }
    expect(await found({}, suites)).toBe("leaf_suite_unsupported")
    const versions = { capabilities: { ...capabilities, versions: [2] } }
    expect(await found({}, versions)).toBe("leaf_version_unsupported")
  })

  test("leaf_source: a leaf that was not made for a key package", async () => {
    const keyPackage = (own: OwnKeyPackage): OwnKeyPackage => ({
      ...own,
      keyPackage: {
        ...own.keyPackage,
        leafNode: { ...own.keyPackage.leafNode, source: { kind: "update" } },
      },
    })
    expect(await found({ keyPackage })).toBe("leaf_source")
  })

  test("credential_rejected: the service is asked about the creator", async () => {
    const auth = {
      validate() {
        throw new MlsError("credential_rejected", "not this one")
      },
    }
    expect(await found({ ctx: { auth } })).toBe("credential_rejected")
  })
})
