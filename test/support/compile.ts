// Vitest's global set-up of the headless tests: the programs that they start dozens of times, compiled once.

import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "vite"
import { COMPILED } from "./programs.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

export default async function compile(): Promise<() => void> {
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
      rolldownOptions: { input: { cli: "src/cli/main.ts", relay: "dev/relay/main.ts" } },
    },
  })
  process.env[COMPILED] = folder
  return () => rmSync(folder, { recursive: true })
}
