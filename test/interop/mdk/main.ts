// `npm run interop:mdk -- --wn PATH --wnd PATH`: members on MDK and on this implementation in one group, over the
// development relay. The binaries are built from MDK's sources, outside this repository (docs/interop.md says how).

import { accessSync, constants, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { startRelay } from "../../../dev/relay/server.ts"
import { BurrowMember } from "./burrow-member.ts"
import { MdkMember } from "./mdk-member.ts"
import type { Binaries } from "./mdk-member.ts"
import { Report } from "./report.ts"
import { tellStory } from "./story.ts"

const { values } = parseArgs({
  options: {
    wn: { type: "string", default: process.env["BURROW_WN"] ?? "" },
    wnd: { type: "string", default: process.env["BURROW_WND"] ?? "" },
    keep: { type: "boolean", default: false },
    only: { type: "string" },
  },
})

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function run(binaries: Binaries): Promise<boolean> {
  const relay = await startRelay()
  // Short: Unix sockets lie in it.
  const scratch = mkdtempSync(join(tmpdir(), "bw-"))
  const members: (BurrowMember | MdkMember)[] = []
  const enter = async <T extends BurrowMember | MdkMember>(member: T): Promise<T> => {
    members.push(member)
    await member.create()
    return member
  }
  const home = (name: string) => join(scratch, name.replaceAll(" ", "-"))
  const burrow = (name: string) => enter(new BurrowMember(name, relay.url, home(name)))
  const mdk = (name: string) =>
    enter(new MdkMember(name, { binaries, relay: relay.url, home: home(name) }))
  const report = new Report()
  try {
    const ada = await burrow("ada (burrow)")
    const ben = await burrow("ben (burrow)")
    const mia = await mdk("mia (mdk)")
    const max = await mdk("max (mdk)")
    const stories = {
      ours: { founder: ada, friend: mia, third: max, fourth: ben },
      theirs: { founder: mia, friend: ada, third: ben, fourth: max },
    }
    for (const [title, cast] of Object.entries(stories)) {
      if (values.only === undefined || values.only === title) await tellStory(report, title, cast)
    }
  } finally {
    await Promise.all(members.map((member) => member.kill()))
    await relay.close()
    if (values.keep) console.error(`kept: ${scratch}`)
    else rmSync(scratch, { recursive: true })
  }
  console.log(report.table())
  return report.failed === 0
}

const binaries = { wn: values.wn, wnd: values.wnd }
const missing = Object.entries(binaries).filter(([, path]) => !isProgram(path))
if (missing.length > 0) {
  const names = missing.map(([name, path]) => `${name} (${path || "not given"})`)
  console.error(`Not run: MDK's ${names.join(" and ")} cannot be executed.`)
  console.error("Give both: npm run interop:mdk -- --wn PATH --wnd PATH. See docs/interop.md.")
  process.exitCode = 2
} else {
  process.exitCode = (await run(binaries)) ? 0 : 1
}
