import { expect, test } from "vitest"
import { accountService } from "./account-service.ts"
import { deviceOf, NOW, testCrypto } from "./device.fixture.ts"
import { generateOwnKeyPackage } from "./key-package-event.ts"

test("a leaf is succeeded by one of the same account, and of no other (marmot-wire §3.3)", async () => {
  const crypto = await testCrypto()
  const leafOf = async (name: string) => {
    const device = await deviceOf(crypto, name)
    const { keyPackage } = await generateOwnKeyPackage(crypto, { device, now: NOW * 1000 })
    return keyPackage.leafNode
  }
  const [ada, again, bo] = await Promise.all(["ada", "ada", "bo"].map(leafOf))
  if (!ada || !again || !bo) throw new Error("no leaf")
  const service = accountService(crypto)
  expect(service.validSuccessor?.(ada, again)).toBe(true)
  expect(service.validSuccessor?.(ada, bo)).toBe(false)
})
