import { describe, expect, test } from "vitest"
import {
  appDataDictionary,
  appDataExtension,
  encode,
  encodeComponentsList,
  encodeRequiredCapabilities,
  type Extension,
} from "../mls/index.ts"
import { hexToBytes } from "../nostr/event.ts"
import { encodeAdminPolicy } from "./components/admin-policy.ts"
import { accountNamed, rejectionCode } from "./device.fixture.ts"
import { sameRequirements, validateGroupState } from "./group-rules.ts"
import { aliceAlone, extensionsFor, REQUIRED } from "./membership.fixture.ts"

/** A group of Alice alone whose dictionary has these entries changed; `undefined` takes one out. */
const withEntries = async (entries: Readonly<Record<number, Uint8Array | undefined>>) => {
  const [capabilities, dictionary] = extensionsFor(true)
  const components = new Map(dictionary && appDataDictionary([dictionary]))
  for (const [id, data] of Object.entries(entries)) {
    if (data === undefined) components.delete(Number(id))
    else components.set(Number(id), data)
  }
  const extensions = [capabilities, appDataExtension(components)].filter(
    (each) => each !== undefined,
  )
  return (await aliceAlone(extensions)).state
}

const withCapabilities = async (extensions: number[], proposals: number[]) => {
  const changed = extensionsFor(true).map((extension): Extension =>
    extension.type === 3
      ? {
          type: 3,
          data: encode(encodeRequiredCapabilities, { extensions, proposals, credentials: [] }),
        }
      : extension,
  )
  return (await aliceAlone(changed)).state
}

const verdict = async (state: ReturnType<typeof withEntries>) => {
  const made = await state
  return rejectionCode(Promise.resolve().then(() => validateGroupState(made)))
}
const list = (...ids: number[]) => encodeComponentsList(ids)

describe("a state that one is invited into (marmot-wire §4.3, behaviour §3)", () => {
  test("of the current profile, with or without what is optional", async () => {
    for (const entries of [{}, { 0x8123: hexToBytes("ff") }, { 0x8005: new Uint8Array(8) }]) {
      const state = await withEntries(entries)
      expect(() => validateGroupState(state)).not.toThrow()
    }
  })

  test.each([
    ["no list of requirements", { 0x0001: undefined }, "missing_component"],
    [
      "no admin policy required",
      { 0x0001: list(...REQUIRED.filter((id) => id !== 0x8003)) },
      "missing_component",
    ],
    [
      "no routing required",
      { 0x0001: list(...REQUIRED.filter((id) => id !== 0x8004)) },
      "missing_component",
    ],
    [
      "no proof required",
      { 0x0001: list(...REQUIRED.filter((id) => id !== 0x8009)) },
      "missing_component",
    ],
    ["no admin policy", { 0x8003: undefined }, "missing_component"],
    ["no routing", { 0x8004: undefined }, "missing_component"],
    ["no lifecycle, though required", { 0x800c: undefined }, "missing_component"],
    ["an unsorted list", { 0x0001: hexToBytes("0480038001") }, "app_data_order"],
    ["a list that repeats", { 0x0001: hexToBytes("0480038003") }, "app_data_order"],
    ["a malformed profile", { 0x8001: hexToBytes("ff") }, "invalid_component"],
    ["a malformed optional component", { 0x8005: hexToBytes("00") }, "invalid_component"],
    ["an unknown lifecycle", { 0x800c: hexToBytes("02") }, "invalid_component"],
    ["an identity proof in the group", { 0x8009: new Uint8Array(104) }, "invalid_component"],
    ["a SafeAAD component", { 0x0002: hexToBytes("00") }, "invalid_component"],
    ["the frozen media format, not required", { 0x8008: hexToBytes("00") }, "unsupported_group"],
    [
      "the frozen media format required",
      { 0x0001: list(...REQUIRED, 0x8008), 0x8008: hexToBytes("00") },
      "unsupported_group",
    ],
    [
      "an unknown requirement",
      { 0x0001: list(...REQUIRED, 0x8123), 0x8123: hexToBytes("00") },
      "unsupported_group",
    ],
    [
      "an admin who is no member",
      { 0x8003: encodeAdminPolicy({ admins: [hexToBytes(accountNamed("dan"))] }) },
      "authorization_failed",
    ],
    [
      "a stream role that we don't have",
      { 0x8006: hexToBytes("020300001000000000000000") },
      "unsupported_group",
    ],
  ] as const)("%s", async (_, entries, code) => {
    expect(await verdict(withEntries(entries))).toBe(code)
  })

  test("required capabilities that make it another profile", async () => {
    expect(await verdict(withCapabilities([6], []))).toBe("unsupported_group")
    expect(await verdict(withCapabilities([0xf2d1], [8]))).toBe("unsupported_group")
  })
})

test("requirements are the same where nothing that members must support differs", async () => {
  const plain = await withEntries({})
  const renamed = await withEntries({ 0x8001: hexToBytes("016100") })
  const more = await withEntries({ 0x0001: list(...REQUIRED, 0x8005), 0x8005: new Uint8Array(8) })
  const roles = await withEntries({ 0x8006: hexToBytes("010300001000000000000000") })
  expect(sameRequirements(plain, renamed)).toBe(true)
  expect(sameRequirements(plain, more)).toBe(false)
  expect(sameRequirements(plain, roles)).toBe(false)
})
