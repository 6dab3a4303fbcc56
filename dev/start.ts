// `npm start`: the web app, an embedded Nostr relay and a Blossom server in one process, on loopback.

import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { build, createServer } from "vite"
import { startBlossom } from "./blossom/server.ts"
import { startRelay } from "./relay/server.ts"
import { serveSite } from "./static-site.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env["BURROW_PORT"] ?? "4860" },
    "relay-port": { type: "string", default: process.env["BURROW_RELAY_PORT"] ?? "4869" },
    "blossom-port": { type: "string", default: process.env["BURROW_BLOSSOM_PORT"] ?? "4870" },
    data: { type: "string", default: process.env["BURROW_DATA"] ?? join(root, "data") },
    /** Vite's development server with hot reload instead of the built app. */
    dev: { type: "boolean", default: false },
  },
})

const log = (line: string) => process.stdout.write(`${line}\n`)

const relay = await startRelay({
  host: "127.0.0.1",
  port: Number(values["relay-port"]),
  dataDir: join(values.data, "relay"),
})
const blossom = await startBlossom({
  host: "127.0.0.1",
  port: Number(values["blossom-port"]),
  dataDir: join(values.data, "blossom"),
})
const config = { relays: [relay.url], blossom: [blossom.url] }
const site = values.dev ? await serveDevelopment() : await serveBuild()

log("")
log(`  Burrow       ${site.url}`)
log(`  Relay        ${relay.url}   (events in ${join(values.data, "relay")})`)
log(`  Files        ${blossom.url}   (encrypted, in ${join(values.data, "blossom")})`)
log("")
log("  Open the address in two browser profiles, or one normal and one private window.")
log("  Ctrl+C stops them all.")

let stopping = false
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stopping) return
    stopping = true
    void Promise.all([site.close(), relay.close(), blossom.close()]).then(() => process.exit(0))
  })
}

async function serveBuild() {
  const dist = join(root, "dist")
  if (isStale(join(dist, "index.html"))) {
    log("Building the app …")
    await build({ root, logLevel: "warn" })
  }
  return serveSite({ root: dist, host: "127.0.0.1", port: Number(values.port), config })
}

async function serveDevelopment() {
  const server = await createServer({
    root,
    server: { host: "127.0.0.1", port: Number(values.port), strictPort: true },
    plugins: [
      {
        name: "burrow-config",
        configureServer: ({ middlewares }) => {
          middlewares.use("/burrow.json", (_request, response) => {
            response.setHeader("content-type", "application/json")
            response.end(JSON.stringify(config))
          })
        },
      },
    ],
  })
  await server.listen()
  return { url: `http://127.0.0.1:${values.port}/`, close: () => server.close() }
}

/** The build is missing, or older than something that it was made from. */
function isStale(built: string): boolean {
  if (!existsSync(built)) return true
  const made = statSync(built).mtimeMs
  const sources = ["src", "public"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) =>
      join(root, folder, file),
    ),
  )
  const more = ["index.html", "package-lock.json", "vite.config.ts"].map((file) => join(root, file))
  return [...sources, ...more].some((file) => existsSync(file) && statSync(file).mtimeMs > made)
}
