// Finds a Chromium for the browser tests, or installs Debian's, saying what it does.

import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]

/** Flags under which Chromium runs headless, as root, without asking the network for anything. */
export const chromiumFlags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]

/** The path of an installed Chromium: `BURROW_CHROMIUM`, or one on the PATH; `undefined` if there is none. */
export function findChromium(): string | undefined {
  const named = process.env["BURROW_CHROMIUM"]
  if (named !== undefined && existsSync(named)) return named
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/snap/bin"]
  const mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
  const candidates = [...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))), mac]
  return candidates.find((path) => existsSync(path))
}

/** An installed Chromium, installed from Debian's packages where that is possible and none is there. */
export function ensureChromium(log: (line: string) => void): string | undefined {
  const found = findChromium()
  if (found !== undefined) {
    log(`Browser: ${found}`)
    return found
  }
  if (!canInstall()) {
    log("No Chromium found and none can be installed here. Install one, or set BURROW_CHROMIUM.")
    return undefined
  }
  log("No Chromium found: installing Debian's package `chromium` with apt-get …")
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", "chromium"]]) {
    const { status } = spawnSync("apt-get", args, { env, stdio: ["ignore", "ignore", "inherit"] })
    if (status !== 0) {
      log(`apt-get ${args.join(" ")} failed.`)
      return undefined
    }
  }
  return findChromium()
}

function canInstall(): boolean {
  const isRoot = process.getuid?.() === 0
  return isRoot && spawnSync("apt-get", ["--version"], { stdio: "ignore" }).status === 0
}
