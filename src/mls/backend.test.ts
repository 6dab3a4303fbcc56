import { expect, test, describe } from "vitest"
import { createCrypto } from "./backend.ts"
import { cipherSuite } from "./suites.ts"
import { readFileSync } from "node:fs"
const v = JSON.parse(readFileSync("../shared/vectors/mls/crypto-basics.json","utf8"))[0]
const h = (s: string) => new Uint8Array(Buffer.from(s,"hex"))
const x = (b: Uint8Array) => Buffer.from(b).toString("hex")
describe.each(["webcrypto","noble"] as const)("%s",(backend)=>{
 test("basics", async()=>{
  const c = await createCrypto({suite: cipherSuite(1), backend})
  expect(c.backend).toBe(backend)
  expect(x(c.refHash(v.ref_hash.label,h(v.ref_hash.value)))).toBe(v.ref_hash.out)
  const e=v.expand_with_label
  expect(x(c.expandWithLabel(h(e.secret),e.label,h(e.context),e.length))).toBe(e.out)
  const s=v.sign_with_label
  expect(await c.verify({publicKey:h(s.pub),label:s.label,content:h(s.content),signature:h(s.signature)})).toBe(true)
  const w=v.encrypt_with_label
  expect(x(await c.decryptWithLabel(h(w.priv),w.label,h(w.context),{kemOutput:h(w.kem_output),ciphertext:h(w.ciphertext)}))).toBe(w.plaintext)
  const r=await c.encryptWithLabel(h(w.pub),w.label,h(w.context),h(w.plaintext))
  expect(x(await c.decryptWithLabel(h(w.priv),w.label,h(w.context),r))).toBe(w.plaintext)
 })
})
