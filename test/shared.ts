// Where official vectors and interop definitions are, and what it means when they are not.

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "vitest"
import { sharedFolder } from "./shared-folder.ts"

/** A JSON file below the shared folder; `undefined` if it is missing, which is an error when `CI` is set. */
function sharedJson(path: string): unknown {
  const file = join(sharedFolder, path)
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8"))
  if (process.env["CI"]) throw new Error(`${file} is missing; in CI it must be there`)
  return undefined
}

/** Registers tests over a shared file, or one skipped test that says that it is missing. */
export function withShared<Content>(
  path: string,
  register: (content: Content) => void,
): Content | undefined {
  const content = sharedJson(path) as Content | undefined
  if (content === undefined) test.skip(`${path} is missing below ${sharedFolder}`, () => undefined)
  else register(content)
  return content
}

/** Paths below the shared folder of the JSON files in one of its folders; none if it is missing. */
export function sharedFiles(folder: string): string[] {
  const path = join(sharedFolder, folder)
  if (!existsSync(path)) return []
  const names = readdirSync(path).filter((name) => name.endsWith(".json"))
  return names.sort().map((name) => join(folder, name))
}
