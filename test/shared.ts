// Where official vectors and interop definitions are, and what it means when they are not.

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { test } from "vitest"

const beside = fileURLToPath(new URL("../../shared", import.meta.url))

/** `BURROW_SHARED`, or the folder `shared` beside the repository. */
export const sharedFolder = process.env["BURROW_SHARED"] ?? beside

/** A JSON file below the shared folder; `undefined` if it is missing, which is an error when `CI` is set. */
export function sharedJson<T>(path: string): T | undefined {
  const file = join(sharedFolder, path)
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as T
  if (process.env["CI"]) throw new Error(`${file} is missing; in CI it must be there`)
  return undefined
}

/** Registers tests over a shared file, or one skipped test that says that it is missing. */
export function withShared<T>(path: string, register: (content: T) => void): void {
  const content = sharedJson<T>(path)
  if (content === undefined) test.skip(`${path} is missing below ${sharedFolder}`, () => undefined)
  else register(content)
}
