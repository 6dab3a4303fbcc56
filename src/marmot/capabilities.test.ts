import { beforeAll, describe, expect, test } from "vitest"
import {
  appDataDictionary,
  appDataExtension,
  decodeComponentsList,
  encode,
  encodeComponentsList,
  encodeExtensions,
  generateKeyPackage,
  type LeafNode,
  type MlsCrypto,
} from "../mls/index.ts"
import { bytesToHex, hexToBytes } from "../nostr/event.ts"
import { accountService } from "./account-service.ts"
import {
  foundingRequirements,
  groupContextExtensions,
  isCovered,
  keyPackageOptions,
  LEAF_CAPABILITIES,
  leafComponents,
  leafProof,
  missingRequirements,
  newGroupRequirements,
  requirementsOf,
  SUPPORTED_COMPONENTS,
} from "./capabilities.ts"
import { codeOf, deviceOf, NOW, testCrypto } from "./device.fixture.ts"
import type { DeviceIdentity } from "./engine-types.ts"
import { componentIds } from "./registry.ts"

let crypto: MlsCrypto
let device: DeviceIdentity
let leaf: LeafNode

beforeAll(async () => {
  crypto = await testCrypto()
  device = await deviceOf(crypto, "member")
  leaf = (await generateKeyPackage(crypto, keyPackageOptions(device, NOW))).keyPackage.leafNode
})

/** What a leaf of White Noise's own groups must have (marmot-wire §4.6). */
const whiteNoise = {
  components: [0x8001, 0x8003, 0x8004, 0x8005, 0x8006, 0x8009, 0x800b, 0x800c],
  extensions: [0x0006, 0xf2d1],
  proposals: [0x0008, 0x000a],
}

describe("our leaf (marmot-wire §4.2)", () => {
  test("capabilities: what MLS has by default is not listed", () => {
    expect(LEAF_CAPABILITIES).toEqual({
      versions: [1],
      cipherSuites: [1],
      extensions: [0x0006, 0xf2d1],
      proposals: [0x0008, 0x000a],
      credentials: [1],
    })
  })

  test("one dictionary of three entries, byte for byte", () => {
    const ids = [0x0001, ...SUPPORTED_COMPONENTS].map((id) => id.toString(16).padStart(4, "0"))
    expect(ids.join()).toBe("0001,8001,8002,8003,8004,8005,8006,8007,8009,800b,800c")
    const proof = `80094068${bytesToHex(device.identityProof)}`
    const dictionary = `00011716${ids.join("")}00020100${proof}`
    expect(leaf.extensions.map(({ type }) => type)).toEqual([0x0006])
    const size = (dictionary.length / 2).toString(16).padStart(4, "0")
    const data = bytesToHex(leaf.extensions[0]?.data ?? new Uint8Array())
    // A length of 64 to 16383 is two bytes, of which the first has the prefix 01.
    expect(data).toBe(`4${size.slice(1)}${dictionary}`)
  })

  test("what White Noise's groups require is covered", () => {
    expect(isCovered(missingRequirements(whiteNoise, leaf))).toBe(true)
    expect(isCovered(missingRequirements(newGroupRequirements, leaf))).toBe(true)
    expect(leafComponents(leaf)).toEqual([0x0001, ...SUPPORTED_COMPONENTS])
    expect(bytesToHex(leafProof(leaf) ?? new Uint8Array())).toBe(bytesToHex(device.identityProof))
  })

  test("what is missing is named", () => {
    const poor = {
      ...leaf,
      capabilities: { ...leaf.capabilities, extensions: [6], proposals: [8] },
      extensions: [appDataExtension(new Map([[1, encodeComponentsList([0x8001, 0x8003])]]))],
    }
    expect(missingRequirements(whiteNoise, poor)).toEqual({
      components: [0x8004, 0x8005, 0x8006, 0x8009, 0x800b, 0x800c],
      extensions: [0xf2d1],
      proposals: [0x000a],
    })
    expect(leafComponents({ ...leaf, extensions: [] })).toEqual([])
  })

  test("a proof counts only where it is listed too (§3.3)", () => {
    const entries = appDataDictionary(leaf.extensions) ?? new Map<number, Uint8Array>()
    const unlisted = new Map(entries).set(1, encodeComponentsList([0x8001]))
    expect(leafProof({ ...leaf, extensions: [appDataExtension(unlisted)] })).toBeUndefined()
    const absent = new Map([...entries].filter(([id]) => id !== componentIds.identityProof))
    expect(leafProof({ ...leaf, extensions: [appDataExtension(absent)] })).toBeUndefined()
  })
})

describe("a group's requirements (§4.3, §4.4)", () => {
  const components = new Map([
    [componentIds.groupLifecycle, hexToBytes("00")],
    [componentIds.groupProfile, hexToBytes("0000")],
  ])

  test("GroupContext extensions: requirements, then the dictionary as the last, ascending", () => {
    const extensions = groupContextExtensions(components, foundingRequirements([leaf]))
    const required = "0003" + "09" + "020006" + "040008000a" + "00"
    const list = "0001" + "0b0a" + "8001" + "8003" + "8004" + "8009" + "800c"
    const dictionary = "0006" + "18" + "17" + list + "8001020000" + "800c0100"
    const bytes = encode(encodeExtensions, extensions)
    expect(bytesToHex(bytes)).toBe(`27${required}${dictionary}`)
  })

  test("the list, and the roles that an agent stream policy asks for", () => {
    const dictionary =
      appDataDictionary(groupContextExtensions(components, foundingRequirements([leaf]))) ??
      new Map<number, Uint8Array>()
    expect(requirementsOf(dictionary)).toEqual({
      components: [0x8001, 0x8003, 0x8004, 0x8009, 0x800c],
      extensions: [],
      proposals: [],
    })
    const policy = hexToBytes("010300001000000000000000")
    const more = new Map<number, Uint8Array>(dictionary).set(0x8006, policy)
    expect(requirementsOf(more).extensions).toEqual([0xf2d1])
    expect(requirementsOf(new Map()).components).toEqual([])
    expect(decodeComponentsList(dictionary.get(1) ?? new Uint8Array())).toContain(0x8009)
  })
})

describe("the authentication service (§3)", () => {
  test("accepts a proven leaf, refuses others", async () => {
    const service = accountService(crypto)
    const { credential, signatureKey } = leaf
    const validate = (node: LeafNode | undefined, key = signatureKey, who = credential) =>
      service.validate(who, key, node)
    expect(() => validate(leaf)).not.toThrow()
    expect(codeOf(() => validate(leaf, new Uint8Array(32)))).toBe("invalid_identity_proof")
    expect(codeOf(() => validate({ ...leaf, extensions: [] }))).toBe("invalid_identity_proof")
    expect(codeOf(() => validate(undefined))).toBe("invalid_identity")
    const other = await deviceOf(crypto, "other")
    const stolen = { kind: "basic", identity: hexToBytes(other.pubkey) } as const
    expect(codeOf(() => validate(leaf, signatureKey, stolen))).toBe("invalid_identity_proof")
    const long = { kind: "basic", identity: new Uint8Array(33) } as const
    expect(codeOf(() => validate(leaf, signatureKey, long))).toBe("invalid_identity")
    const certificate = { kind: "x509", certificates: [] } as const
    expect(codeOf(() => validate(leaf, signatureKey, certificate))).toBe("invalid_identity")
  })

  test("a leaf keeps its account, whatever its key", async () => {
    const service = accountService(crypto)
    const leafOf = async (name: string) => {
      const options = keyPackageOptions(await deviceOf(crypto, name), NOW)
      return (await generateKeyPackage(crypto, options)).keyPackage.leafNode
    }
    expect(service.validSuccessor?.(leaf, await leafOf("member"))).toBe(true)
    expect(service.validSuccessor?.(leaf, await leafOf("other"))).toBe(false)
  })
})
