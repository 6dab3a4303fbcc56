// Programs that are started dozens of times, or run for long, compiled once: plain JavaScript starts at once, and lacks
// what a loader of TypeScript adds to every function.

import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "vite"
import { COMPILED } from "./programs.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Vitest's global set-up of the headless tests. */
export default async function compile(): Promise<() => void> {
  const { folder, remove } = await compiled({ cli: "src/cli/main.ts", relay: "dev/relay/main.ts" })
  process.env[COMPILED] = folder
  return remove
}

/** Each of `programs`, by its path from the root, as `NAME.js` in a folder that lasts until `remove`. */
export async function compiled(
  programs: Readonly<Record<string, string>>,
): Promise<{ readonly folder: string; readonly remove: () => void }> {
  // In here the packages are found that the programs import.
  const folder = mkdtempSync(join(root, "node_modules", ".compiled-"))
  await build({
    configFile: false,
    logLevel: "warn",
    root,
    publicDir: false,
    build: {
      ssr: true,
      target: "node20",
      outDir: folder,
      sourcemap: true,
      minify: false,
      rolldownOptions: { input: { ...programs } },
    },
  })
  return { folder, remove: () => rmSync(folder, { recursive: true }) }
}
