// The benchmark's page, built as the app is: the same script for Chromium and for Node.

import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "vite"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** What ts-mls loads for suites that the benchmark does not use. */
const ABSENT = /^@hpke\/(chacha20poly1305|dhkem-x448|hybridkem-x-wing|ml-kem)|^@noble\/post-quantum/

/** The folder with `page.js` and `bench.html`. `tsMls`: the source or build that stands for ts-mls, if not the one of npm. */
export async function buildPage(tsMls?: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "burrow-bench-mls-"))
  await build({
    root,
    logLevel: "error",
    configFile: false,
    ...(tsMls !== undefined && { resolve: { alias: [{ find: /^ts-mls$/, replacement: tsMls }] } }),
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: "es2023",
      sourcemap: true,
      minify: false,
      lib: { entry: join(root, "bench/mls/page.ts"), formats: ["es"], fileName: "page" },
      rolldownOptions: { external: ABSENT },
    },
  })
  const html = `<!doctype html><link rel="icon" href="data:," /><script type="module" src="/page.js"></script>`
  writeFileSync(join(folder, "bench.html"), html)
  writeFileSync(join(folder, "package.json"), `{"type":"module"}`)
  return folder
}
