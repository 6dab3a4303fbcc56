// What Node is called with to run the programs of this repository.

import { join } from "node:path"

/** The environment variable that names the folder of the compiled programs. */
export const COMPILED = "BURROW_COMPILED"

/** As the README says; `tsx` takes more than a second of a core to translate them. */
export const sources = {
  cli: ["--import", "tsx", "src/cli/main.ts"],
  relay: ["--import", "tsx", "dev/relay/main.ts"],
} as const

/** The same code, already translated where a test's set-up has done that. */
export function program(name: keyof typeof sources): readonly string[] {
  const folder = process.env[COMPILED]
  return folder === undefined ? sources[name] : ["--enable-source-maps", join(folder, `${name}.js`)]
}
