// A KeyPackage that the Rust reference (MDK dbf45c83, OpenMLS 59e7d3b2) made: the vector of marmot-wire §15.3.

import { sha256 } from "@noble/hashes/sha2.js"
import { describe, expect, test } from "vitest"
import {
  appDataDictionary,
  encodeMlsMessage,
  validateKeyPackage,
  wireFormats,
} from "../mls/index.ts"
import { bytesToHex, hexToBytes } from "../nostr/event.ts"
import { accountService } from "./account-service.ts"
import { leafComponents, missingRequirements } from "./capabilities.ts"
import { codeOf, rejectionCode, testCrypto } from "./device.fixture.ts"
import { keyPackageOf } from "./key-package-event.ts"

const MESSAGE = hexToBytes(
  "000100050001000120b036ebf3914c293772f73595db0ab14fed01c51e33190e069fbd0ece881a821720f8555d8c8dd6" +
    "2cb8cc46c76a30aa3921ea961d5d6046bb4bf846a0366db4450c20e1ec91ca993f0b1f5b25a131bff8d52ad523094a78" +
    "0d0b7dbc042fb9a2b5304a00012010ca9c41ce77fa315b90d238cefec6da0a1fd4084d55e4c56370b7b596e1ac150200" +
    "0102000102000602000802000101000000006a9da0c0000000006b0c6cd040800006407c407a00010b0a000180018003" +
    "8009800c8009406810ca9c41ce77fa315b90d238cefec6da0a1fd4084d55e4c56370b7b596e1ac15000000006a9daed0" +
    "f21c6af0c40707bd32fc101b0099fbe4931dabf9a74bbbb4c65b0463f0e5dcccd6d431a66f7a2bf5a7e59d75f9f10ea2" +
    "4dab638fe7223466887f8e1cb10c1a92404026af5ef00dea2247b40224d69dd67b23f160645cec6490f7bd8db310c93b" +
    "9c4a387e3d5835f96e21fdcf5e957a142bdf85add5b61051ecc33fab157381670202070006040300040040408ab6537b" +
    "ebdf9d2a15798392c42802c8eab7a3a4b4f1aae98a547635dc0bdada45effdf40224b90d10497295b81815214c919572" +
    "62c59a4598fa70728425d80c",
)
const NOW = 1_788_718_800
const keyPackage = keyPackageOf(MESSAGE)
const { leafNode } = keyPackage

describe("a KeyPackage of the Rust reference", () => {
  test("is the published vector, and encodes to the same bytes again", () => {
    expect(bytesToHex(sha256(MESSAGE))).toBe(
      "d01f7fb2af47fa845c4137992994c5170cf695bf13517199f1dcdabdd29b6615",
    )
    const again = encodeMlsMessage({ wireFormat: wireFormats.keyPackage, keyPackage })
    expect(bytesToHex(again)).toBe(bytesToHex(MESSAGE))
  })

  test("says what the reference says of it", () => {
    expect(leafNode.capabilities).toEqual({
      versions: [1],
      cipherSuites: [1],
      extensions: [6],
      proposals: [8],
      credentials: [1],
    })
    expect(leafComponents(leafNode)).toEqual([0x0001, 0x8001, 0x8003, 0x8009, 0x800c])
    expect(leafNode.source).toEqual({
      kind: "key_package",
      lifetime: { notBefore: 1_788_715_200n, notAfter: 1_795_976_400n },
    })
    expect(appDataDictionary(keyPackage.extensions)?.get(0x0004)).toHaveLength(0)
  })

  test("is valid, with its account's proof", async () => {
    const crypto = await testCrypto()
    await validateKeyPackage(crypto, keyPackage, { now: NOW })
    const service = accountService(crypto)
    expect(() =>
      service.validate(leafNode.credential, leafNode.signatureKey, leafNode),
    ).not.toThrow()
    const forged = leafNode.signatureKey.map((byte) => byte ^ 1)
    expect(codeOf(() => service.validate(leafNode.credential, forged, leafNode))).toBe(
      "invalid_identity_proof",
    )
    expect(await rejectionCode(validateKeyPackage(crypto, keyPackage, { now: NOW - 7200 }))).toBe(
      "leaf_not_yet_valid",
    )
  })

  test("lacks what it would need for a group with text streams", () => {
    const asked = { components: [0x8001, 0x8006], extensions: [6, 0xf2d1], proposals: [8, 10] }
    expect(missingRequirements(asked, leafNode)).toEqual({
      components: [0x8006],
      extensions: [0xf2d1],
      proposals: [10],
    })
  })
})
