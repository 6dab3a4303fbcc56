// No decoder without fuzz: whatever reads input and is exported must stand in the table, or here with the reason.

import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { codecs } from "../../src/mls/codecs.fixture.ts"
import { bytesDecoders, textDecoders, valueDecoders } from "./decoders.fixture.ts"

const ELSEWHERE: Readonly<Record<string, string>> = {
  verifyFast: "checks signatures, of events that parseEvent has read",
  verifyWith: "no input: which check is used",
  verifyEvent: "by parseVerifiedEvent",
  verifySchnorr: "by verifyEvent",
  verifyFrame: "parseRelayMessage, parseEvent and verifyEvent, one after the other",
  openFile: "bytes under a key: its own test",
  openGroupImage: "bytes under a key: its own test",
  openGroupEvent:
    "bytes under a key: src/marmot/group-event.test.ts, and by the engine in engine.test.ts",
  openPassed: "openGroupEvent under the keys of earlier states",
}

const source = fileURLToPath(new URL("../../src", import.meta.url))
const DECODER =
  /export (?:async )?(?:function|const) ((?:parse|decode|verify|open[A-Z]|unwrap|keyPackageOf|checkKeyPackageEvent|checkSignedEvent|validateGroupComponent|relayUrlFromInput|fromBase64)\w*)/g

test("every exported decoder of marmot and nostr is fuzzed", () => {
  const table = [...bytesDecoders, ...valueDecoders, ...textDecoders].map(({ name }) => name)
  const known = new Set([...table, ...Object.keys(ELSEWHERE)])
  const found = ["marmot", "marmot/components", "nostr"].flatMap((folder) =>
    readdirSync(`${source}/${folder}`)
      .filter((file) => /^[\w-]+\.ts$/.test(file))
      .flatMap((file) => {
        const text = readFileSync(`${source}/${folder}/${file}`, "utf8")
        return [...text.matchAll(DECODER)].map(([, name = ""]) => name)
      }),
  )
  expect(found.length).toBeGreaterThan(25)
  expect(found.filter((name) => !known.has(name))).toEqual([])
  // Nothing here that is gone there; `nameOf` is of the client.
  expect([...known].filter((name) => !found.includes(name) && name !== "nameOf")).toEqual([])
})

/** Of src/mls: what is no codec of the wire, and stored forms and trees that have tests of their own. */
const NOT_IN_TABLE = [
  "decodeCopied",
  "decodeEcdsaSignature",
  "decodeGroupState",
  "decodeRatchetTree",
  "decodeSecretTree",
]

test("every codec of mls has its property tests", () => {
  const folder = `${source}/mls`
  const found = readdirSync(folder)
    .filter((file) => /^[\w-]+\.ts$/.test(file))
    .flatMap((file) => [
      ...readFileSync(`${folder}/${file}`, "utf8").matchAll(
        /^export (?:const|function) (decode[A-Z]\w*)/gm,
      ),
    ])
    .map(([, name = ""]) => name)
  const table = codecs.map(({ name }) => name)
  expect(found.sort()).toEqual([...table, ...NOT_IN_TABLE].sort())
})
