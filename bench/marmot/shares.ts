// What a CPU profile of the client's worker was spent on, by the source file of each sample.

import { readFileSync } from "node:fs"
import { SourceMap, type SourceMapPayload } from "node:module"
import { join } from "node:path"
import type { CpuProfile } from "./devtools.ts"

/** The first that fits, by source file or, for what the platform brings along, by function. */
const categories = [
  ["idle", /^\(idle\)$/],
  ["garbage collector", /^\(garbage collector\)$/],
  ["crypto: signatures of events", /^wasm:|nostr-wasm|fast-verify/],
  [
    "crypto: the platform's",
    /^(verify|sign|importKey|exportKey|encrypt|decrypt|deriveBits|deriveKey|digest|getRandomValues|generateKey)$/,
  ],
  ["crypto: noble", /@noble/],
  [
    "crypto: ours",
    /src\/mls\/(back-?end|hpke|primitives|signature|secret-tree|key-schedule|choose|webcrypto|edwards|montgomery|exporter|transcript|tree-hash|parent-hash)/,
  ],
  [
    "storage",
    /src\/store\/|\/idb\/|src\/client\/(draft|record-map|mailbox)|^(put|get|getAll|objectStore|transaction)$/,
  ],
  [
    "JSON and encodings",
    /src\/(marmot\/(record-json|strict-json|app-event|base64)|nostr\/(relay-message|event|filter))|@scure\/base|^(encode|decode|TextEncoder|TextDecoder|atob|btoa)$/,
  ],
  ["MLS", /src\/mls\//],
  ["Marmot", /src\/marmot\//],
  ["client and relays", /src\/(client|nostr)\//],
] as const

export interface Share {
  readonly name: string
  readonly milliseconds: number
  /** Of the time in which the thread did something, 0..1. */
  readonly share: number
}

/** `site`: the folder that the worker's scripts were served from, with their source maps. */
export function sharesOf(profile: CpuProfile, site: string): readonly Share[] {
  const maps = new Map<string, SourceMap | undefined>()
  const mapOf = (path: string) => {
    if (!maps.has(path)) maps.set(path, readMap(join(site, `${path}.map`)))
    return maps.get(path)
  }
  const sums = new Map<string, number>()
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  profile.samples.forEach((id, i) => {
    const frame = nodes.get(id)?.callFrame
    if (frame === undefined) return
    const { functionName, url, lineNumber, columnNumber } = frame
    const map = url.startsWith("http") ? mapOf(new URL(url).pathname) : undefined
    const entry = map?.findEntry(lineNumber, columnNumber)
    const source = entry !== undefined && "originalSource" in entry ? entry.originalSource : url
    const name = categoryOf(source === "" ? functionName : source)
    sums.set(name, (sums.get(name) ?? 0) + (profile.timeDeltas[i] ?? 0) / 1000)
  })
  sums.delete("idle")
  const total = [...sums.values()].reduce((sum, each) => sum + each, 0)
  return [...sums]
    .map(([name, milliseconds]) => ({ name, milliseconds, share: milliseconds / total }))
    .sort((a, b) => b.milliseconds - a.milliseconds)
}

function categoryOf(source: string): string {
  return categories.find(([, pattern]) => pattern.test(source))?.[0] ?? "other"
}

function readMap(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, "utf8")) as SourceMapPayload)
  } catch {
    return undefined
  }
}
