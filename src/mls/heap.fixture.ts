// What the engine's heap still holds: every byte array in it, in private fields and closures too; and what is put there.

import { Session } from "node:inspector/promises"
import { types } from "node:util"
import { bytesToHex } from "./bytes.ts"

/** Where the inspector puts what it found. */
const FOUND = "burrow: live byte arrays"

/**
 * The bytes of every typed array and every ArrayBuffer that is alive in this thread, after a garbage collection; each
 * buffer once. What only native code holds (an imported CryptoKey) is not among them.
 */
async function liveBytes(): Promise<Uint8Array[]> {
  // WebCrypto's jobs let go of their results a turn later.
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  const session = new Session()
  session.connect()
  try {
    const buffers = new Set<ArrayBufferLike>()
    for (const found of await allObjects(session)) {
      // Prototypes are among the objects: they have no bytes.
      if (ArrayBuffer.isView(found)) buffers.add(found.buffer)
      else if (types.isAnyArrayBuffer(found)) buffers.add(found)
    }
    return [...buffers].map((buffer) => new Uint8Array(buffer))
  } finally {
    session.disconnect()
  }
}

async function allObjects(session: Session): Promise<unknown[]> {
  const { result } = await session.post("Runtime.evaluate", { expression: "Object.prototype" })
  const { objectId: prototypeObjectId = "" } = result
  const { objects } = await session.post("Runtime.queryObjects", { prototypeObjectId })
  const { objectId = "" } = objects
  const functionDeclaration = `function () { globalThis[${JSON.stringify(FOUND)}] = this }`
  await session.post("Runtime.callFunctionOn", { objectId, functionDeclaration })
  const found = Reflect.get(globalThis, FOUND) as unknown[]
  Reflect.deleteProperty(globalThis, FOUND)
  return found
}

/** Bytes that `run` allocates on the heap in all, collected or not, give or take a kilobyte for each sample. */
export async function allocatedBy(run: () => Promise<void> | void): Promise<number> {
  const session = new Session()
  session.connect()
  try {
    const options = {
      samplingInterval: 1024,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    }
    await session.post("HeapProfiler.startSampling", options)
    await run()
    const { profile } = await session.post("HeapProfiler.stopSampling")
    const sizeOf = (node: typeof profile.head): number =>
      node.children.reduce((sum, child) => sum + sizeOf(child), node.selfSize)
    return sizeOf(profile.head)
  } finally {
    session.disconnect()
  }
}

/** Of secrets (names by the hexadecimal of their bytes): the names of those that are alive in this thread. */
export async function aliveOf(secrets: ReadonlyMap<string, string>): Promise<string[]> {
  return foundIn(await liveBytes(), secrets)
}

/** Of secrets (names by the hexadecimal of their bytes, two bytes at least): the names of those that occur in `places`. */
export function foundIn(
  places: readonly Uint8Array[],
  secrets: ReadonlyMap<string, string>,
): string[] {
  const byStart = new Map<number, string[]>()
  for (const secret of secrets.keys()) {
    const start = Number.parseInt(secret.slice(0, 4), 16)
    byStart.set(start, [...(byStart.get(start) ?? []), secret])
  }
  const starts = new Uint8Array(0x10000)
  for (const start of byStart.keys()) starts[start] = 1
  const found = new Set<string>()
  for (const place of places) {
    for (let i = 1, last = place[0] ?? 0; i < place.length; i++) {
      const byte = place[i] ?? 0
      const start = (last << 8) | byte
      last = byte
      if (starts[start] === 0) continue
      for (const secret of byStart.get(start) ?? []) {
        const there = place.subarray(i - 1, i - 1 + secret.length / 2)
        if (bytesToHex(there) === secret) found.add(secret)
      }
    }
  }
  return [...found].map((secret) => secrets.get(secret) ?? secret).sort()
}
