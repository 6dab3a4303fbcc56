// `npm run interop:mdk -- --wn PATH --wnd PATH`: members on MDK and on this implementation in one group, over the
// development relay. The binaries are built from MDK's sources, outside this repository (docs/interop.md says how).

import { accessSync, constants, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { startBlossom } from "../../../dev/blossom/server.ts"
import { startRelay } from "../../../dev/relay/server.ts"
import { BurrowMember } from "./burrow-member.ts"
import type { Cast } from "./cast.ts"
import { MdkMember } from "./mdk-member.ts"
import { Report, setPatience } from "./report.ts"
import { PARTS, tellStory } from "./story.ts"
import { startTap } from "./tap.ts"

const { values } = parseArgs({
  options: {
    wn: { type: "string", default: process.env["BURROW_WN"] ?? "" },
    wnd: { type: "string", default: process.env["BURROW_WND"] ?? "" },
    keep: { type: "boolean", default: false },
    /** Stories, with commas. */
    only: { type: "string", default: "ours,theirs" },
    parts: { type: "string", default: PARTS.join(",") },
    /** Every frame to and from the relay goes into this file. */
    frames: { type: "string" },
    /** Seconds until a step that waits has failed. */
    patience: { type: "string", default: "90" },
  },
})

type Software = "burrow" | "mdk"

/** What founder, friend, third and fourth run on. The last two stories are for comparison. */
const STORIES: Readonly<Record<string, readonly [Software, Software, Software, Software]>> = {
  ours: ["burrow", "mdk", "mdk", "burrow"],
  theirs: ["mdk", "burrow", "burrow", "mdk"],
  "mdk-alone": ["mdk", "mdk", "mdk", "mdk"],
  "burrow-alone": ["burrow", "burrow", "burrow", "burrow"],
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function run(titles: readonly string[]): Promise<boolean> {
  const relay = await startRelay()
  const other = await startRelay()
  const tap = values.frames === undefined ? undefined : await startTap(relay.url, values.frames)
  const blossom = await startBlossom({ port: 0 })
  // Short: Unix sockets lie in it.
  const scratch = mkdtempSync(join(tmpdir(), "bw-"))
  const report = new Report()
  const surroundings = (home: string) => ({
    relay: tap?.url ?? relay.url,
    blossom: blossom.url,
    home: join(scratch, home),
  })
  try {
    for (const title of titles) {
      const members = (STORIES[title] ?? []).map((software, at) => {
        const name = `${["Ada", "Ben", "Cem", "Dov"][at]} (${software})`
        const around = surroundings(`${title[0]}${at}`)
        if (software === "burrow") return new BurrowMember(name, around)
        return new MdkMember(name, { ...around, binaries: { wn: values.wn, wnd: values.wnd } })
      })
      try {
        for (const member of members) await member.create()
        const [founder, friend, third, fourth] = members
        const cast = { founder, friend, third, fourth } as Cast
        const parts = new Set(values.parts.split(","))
        const relays = [tap?.url ?? relay.url, other.url] as const
        await tellStory({ report, title, parts, scratch, relays }, cast)
      } finally {
        await Promise.all(members.map((member) => member.kill()))
      }
    }
  } finally {
    await tap?.close()
    await relay.close()
    await other.close()
    await blossom.close()
    if (values.keep) console.error(`kept: ${scratch}`)
    else rmSync(scratch, { recursive: true })
  }
  console.log(report.table())
  return report.failed === 0
}

setPatience(Number(values.patience))
const titles = values.only.split(",")
const unknown = [
  ...titles.filter((title) => STORIES[title] === undefined),
  ...values.parts.split(",").filter((part) => !PARTS.some((known) => known === part)),
]
const needed = titles.some((title) => STORIES[title]?.includes("mdk"))
const missing = ["wn", "wnd"].filter((name) => needed && !isProgram(values[name as "wn" | "wnd"]))
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(", ")}.`)
  process.exitCode = 2
} else if (missing.length > 0) {
  console.error(`Not run: MDK's ${missing.join(" and ")} cannot be executed.`)
  console.error("Give both: npm run interop:mdk -- --wn PATH --wnd PATH. See docs/interop.md.")
  process.exitCode = 2
} else {
  process.exitCode = (await run(titles)) ? 0 : 1
}
