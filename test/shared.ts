// Published test vectors, which are not part of this repository.

import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"

const folder = resolve(
  process.env["BURROW_SHARED"] ?? fileURLToPath(new URL("../../shared", import.meta.url)),
)

/**
 * The parsed content of vectors/mls/`name`.json. Where it is missing, `undefined`: the tests are skipped,
 * with a line that says so. In CI that is a failure.
 */
export function sharedVectors(name: string): unknown {
  const path = resolve(folder, "vectors/mls", `${name}.json`)
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")) as unknown
  if (process.env["CI"] !== undefined) throw new Error(`no test vectors at ${path}`)
  console.warn(`skipped: no test vectors at ${path}`)
  return undefined
}
