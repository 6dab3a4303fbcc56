// The simulator's own parts: time, plans that are made short, and its cryptography beside the ordinary one.

import "./native-bytes.ts"
import { expect, test } from "vitest"
import { fromBase64, toBase64 } from "../../src/marmot/base64.ts"
import { cipherSuite, createCrypto } from "../../src/mls/index.ts"
import { bytesToHex, hexToBytes } from "../../src/nostr/event.ts"
import { Clock } from "./clock.ts"
import { nodeBackEnd } from "./node-back-end.ts"
import { jobsOf, seedsOf } from "./options.ts"
import { planOf } from "./plan.ts"
import { Rng } from "./rng.ts"
import { shrink } from "./shrink.ts"

const utf8 = (text: string) => new TextEncoder().encode(text)

test("time stands still while anything can run, and jumps to the next timer", async () => {
  const clock = new Clock(0)
  const told: string[] = []
  const owner = { isAlive: true }
  const timers = clock.timersOf(owner)
  timers.setTimeout(() => told.push(`second at ${clock.now}`), 2_000)
  timers.setTimeout(() => {
    told.push(`first at ${clock.now}`)
    void Promise.resolve().then(() => told.push(`its promise at ${clock.now}`))
  }, 1_000)
  timers.clearTimeout(timers.setTimeout(() => told.push("stopped"), 1_500))
  await clock.run(clock.sleep(2_500))
  expect(told).toEqual(["first at 1000", "its promise at 1000", "second at 2000"])
  timers.setTimeout(() => told.push("of the dead"), 10)
  owner.isAlive = false
  await clock.run(clock.sleep(100))
  expect(told).toHaveLength(3)
  await expect(clock.run(new Promise<void>(() => undefined))).rejects.toThrow("nothing is left")
})

test("a plan is short once nothing can be left out", async () => {
  const plan = planOf(12)
  const sends = plan.phases.flat().filter(({ type }) => type === "send")
  const [needed] = sends
  const short = await shrink(
    plan,
    (candidate) => Promise.resolve(candidate.phases.flat().includes(needed ?? ({} as never))),
    performance.now() + 10_000,
  )
  expect(short.phases.flat()).toEqual([needed])
})

test("a seed has one plan, and others have others", () => {
  expect(planOf(5)).toEqual(planOf(5))
  expect(planOf(5)).not.toEqual(planOf(6))
})

test("bytes are written and read as strictly as elsewhere", () => {
  expect(Uint8Array.prototype).toHaveProperty("toBase64")
  for (let length = 0; length < 70; length++) {
    const whole = Rng.of(length, "bytes").bytes(length + 2)
    const bytes = whole.subarray(1, -1)
    expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"))
    expect(fromBase64(toBase64(bytes))).toEqual(bytes)
    expect(bytesToHex(bytes)).toBe(Buffer.from(bytes).toString("hex"))
    expect(hexToBytes(bytesToHex(bytes))).toEqual(bytes)
  }
  for (const text of ["QQ", "QR==", "Q Q=", "QQ==\n", "QQ===", "Q", "-_==", "QQ==QQ=="]) {
    expect(() => fromBase64(text), text).toThrow("base64")
  }
  for (const text of ["a", "0g", "AA", " 00 "]) expect(() => hexToBytes(text), text).toThrow("hex")
})

test("Node's cryptography does what the other back ends do", async () => {
  const suite = cipherSuite(1)
  const rng = Rng.of(1, "test")
  const random = (length: number) => rng.bytes(length)
  const ours = await createCrypto({ suite, backend: nodeBackEnd(), random })
  for (const backend of ["noble", "auto"] as const) {
    const theirs = await createCrypto({ suite, backend, random })
    for (const [a, b] of [
      [ours, theirs],
      [theirs, ours],
    ] as const) {
      const content = utf8("content")
      const signing = await a.generateSignatureKeyPair()
      const signature = await a.sign(signing.privateKey, "Label", content)
      expect(await b.sign(signing.privateKey, "Label", content)).toEqual(signature)
      const check = { publicKey: signing.publicKey, label: "Label", content, signature }
      expect(await b.verify(check)).toBe(true)
      expect(await b.verify({ ...check, content: utf8("other") })).toBe(false)
      expect(await b.verify({ ...check, publicKey: new Uint8Array(32).fill(255) })).toBe(false)

      const [key, nonce, aad] = [rng.bytes(16), rng.bytes(12), utf8("aad")]
      const sealed = await a.aeadSeal(key, nonce, aad, content)
      expect(await b.aeadSeal(key, nonce, aad, content)).toEqual(sealed)
      expect(await b.aeadOpen(key, nonce, aad, sealed)).toEqual(content)
      const broken = { code: "aead_failed" }
      await expect(b.aeadOpen(key, nonce, aad, sealed.subarray(1))).rejects.toMatchObject(broken)
      await expect(b.aeadOpen(key, nonce, aad, sealed.subarray(0, 3))).rejects.toMatchObject(broken)

      const ikm = rng.bytes(32)
      const kem = await a.deriveKemKeyPair(ikm)
      expect(await b.deriveKemKeyPair(ikm)).toEqual(kem)
      const wrapped = await a.encryptWithLabel(kem.publicKey, "Label", aad, content)
      expect(await b.decryptWithLabel(kem.privateKey, "Label", aad, wrapped)).toEqual(content)
      await expect(
        b.encryptWithLabel(new Uint8Array(32), "Label", aad, content),
      ).rejects.toMatchObject({ name: "MlsError" })
    }
  }
})

test("the command line names seeds, and never so few processes that nothing would run", () => {
  expect(seedsOf("3,5..7")).toEqual([3, 5, 6, 7])
  for (const text of ["7..5", "x", "1..", "1.5", "1..1e12"])
    expect(() => seedsOf(text)).toThrow("no seeds")
  expect(jobsOf("2")).toBe(2)
  for (const text of ["0", "-1", "x", "1.5"]) expect(() => jobsOf(text)).toThrow("no number")
})
