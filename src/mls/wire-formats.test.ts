// draft-ietf-mls-extensions-10 §5: supported and required wire formats.

import { describe, expect, test } from "vitest"
import { createCommit } from "./commit-create.ts"
import type { Extension } from "./extensions.ts"
import { add, capabilities, keyPackageOf, testContext } from "./group.fixture.ts"
import type { MlsContext } from "./group-types.ts"
import { createGroup } from "./group.ts"
import { extensionTypes, proposalTypes } from "./registry.ts"
import { joinGroup } from "./welcome.ts"
import { missingWireFormats, requiredWireFormats, supportedWireFormats } from "./wire-formats.ts"

/** Neither is one of RFC 9420's. */
const [NEW, OTHER] = [0x0006, 0xf001]
const { supportedWireFormats: supported, requiredWireFormats: required } = extensionTypes
const own = {
  capabilities: { ...capabilities, extensions: [supported, required] },
}
const supporting = { ...own, leafExtensions: [supportedWireFormats([NEW])] }

async function group(ctx: MlsContext, extensions: readonly Extension[] = []) {
  const keyPackage = await keyPackageOf(ctx.crypto, "a", supporting)
  return createGroup(ctx, { groupId: Uint8Array.of(1), keyPackage, extensions })
}

test("RFC 9420's own formats need no listing", () => {
  const required = [requiredWireFormats([1, 2, 3, 4, 5, NEW, OTHER])]
  expect(missingWireFormats(required, [])).toEqual([NEW, OTHER])
  expect(missingWireFormats(required, [supportedWireFormats([OTHER])])).toEqual([NEW])
  expect(missingWireFormats([], [])).toEqual([])
})

describe("in a group", () => {
  test("members are those who support what is required", async () => {
    const ctx = await testContext("webcrypto")
    const state = await group(ctx, [requiredWireFormats([NEW])])
    const good = await keyPackageOf(ctx.crypto, "b", supporting)
    const { welcome, next } = await createCommit(ctx, state, { proposals: [add(good)] })
    if (welcome === undefined) throw new Error("no Welcome")
    const joined = await joinGroup(ctx, { welcome, keyPackages: [good] })
    expect(joined.state.epochSecrets).toEqual(next.epochSecrets)
    const bad = await keyPackageOf(ctx.crypto, "c", own)
    await expect(createCommit(ctx, state, { proposals: [add(bad)] })).rejects.toMatchObject({
      code: "leaf_required_wire_format",
    })
    await expect(group(ctx, [requiredWireFormats([OTHER])])).rejects.toMatchObject({
      code: "leaf_required_wire_format",
    })
  })

  test("nothing is required that a member lacks", async () => {
    const ctx = await testContext("webcrypto")
    const state = await group(ctx)
    const plain = await keyPackageOf(ctx.crypto, "b", own)
    const { next } = await createCommit(ctx, state, { proposals: [add(plain)] })
    const requiring = (format: number) => ({
      proposals: [
        {
          proposalType: proposalTypes.groupContextExtensions,
          extensions: [requiredWireFormats([format])],
        },
      ],
    })
    await expect(createCommit(ctx, next, requiring(NEW))).rejects.toMatchObject({
      code: "required_wire_formats",
    })
    const alone = await createCommit(ctx, state, requiring(NEW))
    expect(alone.summary.newGroupContext?.extensions).toHaveLength(1)
  })

  test("supported_wire_formats is no extension of a GroupContext", async () => {
    const ctx = await testContext("noble")
    await expect(group(ctx, [supportedWireFormats([NEW])])).rejects.toMatchObject({
      code: "extension_misplaced",
    })
  })
})
