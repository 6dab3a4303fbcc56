// docs/rfc-map.md: which file implements which section, and which test proves which check. UPDATE_DOCS=1 rewrites it.

import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { type Rule, validationRules } from "./validation-rules.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const page = `${root}docs/rfc-map.md`

/** Modules that follow no specification: what they do is nobody's business but ours. */
const OURS: ReadonlySet<string> = new Set([
  "src/mls/bytes.ts",
  "src/mls/error.ts",
  "src/mls/state-codec.ts",
  "src/marmot/engine-types.ts",
  "src/marmot/transition.ts",
])

/** Raised by the caller's authentication service, so by no module of the layer. */
const BY_CALLERS: ReadonlySet<string> = new Set(["credential_rejected"])
/** A defect of our own, which no input can raise. */
const INTERNAL = "internal"

const SPECIFICATION = /RFC \d{4}|NIST SP|FIPS \d|draft-ietf-|Marmot/

interface Source {
  /** Relative to the repository. */
  readonly path: string
  readonly text: string
}

interface Check {
  readonly code: string
  readonly meaning: string
  readonly sections: readonly string[]
  readonly files: readonly string[]
  readonly tests: readonly string[]
}

const isTest = ({ path }: Source) => path.endsWith(".test.ts")
const isModule = (source: Source) => !isTest(source) && !source.path.endsWith(".fixture.ts")

const sources = ["src", "test"]
  .flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name.replaceAll("\\", "/")}`),
  )
  .filter((path) => path !== "test/unit/rfc-map.test.ts")
  .sort()
  .map((path): Source => ({ path, text: readFileSync(`${root}${path}`, "utf8") }))

const layer = (folder: string) =>
  sources.filter((source) => isModule(source) && source.path.startsWith(`${folder}/`))

/** The comment at the head of a file, as one line. */
function headerOf({ text }: Source): string {
  const lines = text.split("\n")
  const end = lines.findIndex((line) => !line.startsWith("// "))
  return lines
    .slice(0, end)
    .map((line) => line.slice(3))
    .join(" ")
}

function read(path: string): Source {
  const found = sources.find((source) => source.path === path)
  if (found === undefined) throw new Error(`${path} is missing`)
  return found
}

/** The codes of an error class's union, each with the comment above it. */
function checksOf(folder: string): Check[] {
  const { text } = read(`${folder}/error.ts`)
  const union = text.slice(0, text.indexOf("export class"))
  const modules = layer(folder).filter(({ path }) => !path.endsWith("/error.ts"))
  let [comment, group] = ["", ""]
  const checks: Check[] = []
  for (const line of union.split("\n")) {
    const said = /^ {2}\/\*\* (.*) \*\/$/.exec(line)?.[1]
    const code = /^ {2}\| "([a-z_]+)"$/.exec(line)?.[1]
    if (said !== undefined) comment = said
    group = /^ {2}\/\/ --- (.*) ---$/.exec(line)?.[1] ?? group
    if (code === undefined) continue
    const files = modules.filter((source) => source.text.includes(`"${code}"`))
    const sections = [
      ...sectionsIn(comment),
      ...files.flatMap((source) => sectionsThrown(source.text, code)),
    ]
    checks.push({
      code,
      meaning: comment,
      sections: sections.length > 0 ? sorted(sections) : sectionsIn(group),
      files: files.map(({ path }) => nameOf(path, folder)),
      tests: sources.filter((source) => isTest(source) && mentions(source, code)).map(nameOfTest),
    })
    comment = ""
  }
  return checks
}

const sectionsIn = (comment: string): string[] =>
  [...comment.matchAll(/§([\dA-Z]+(?:\.\d+)*)/g)].flatMap(([, section]) => section ?? [])

/** The section that is given with a code where it is thrown. */
function sectionsThrown(text: string, code: string): string[] {
  const thrown = new RegExp(
    `MlsError\\(\\s*"${code}",(?:(?!MlsError\\().)*?"([1-9C]\\d*(?:\\.\\d+)*)",?\\s*\\)`,
    "gs",
  )
  return [...text.matchAll(thrown)].flatMap(([, section]) => section ?? [])
}

/** Inside a string of the test: as an expected code, or in a title. */
function mentions({ text }: Source, code: string): boolean {
  const inside = new RegExp(
    `"(?:[^"\\n]*\\W)?${code}(?:\\W[^"\\n]*)?"|\`(?:[^\`]*\\W)?${code}(?:\\W[^\`]*)?\``,
  )
  return inside.test(text)
}

const sorted = (sections: readonly string[]) =>
  [...new Set(sections)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }))

const nameOf = (path: string, folder: string) => path.slice(folder.length + 1)
const nameOfTest = ({ path }: Source) => path.replace(/^src\//, "").replace(/\.test\.ts$/, "")

function rendered(): string {
  return [
    "# Check → file → test",
    "",
    "Written by `test/unit/rfc-map.test.ts` out of the sources (`UPDATE_DOCS=1 npx vitest run --project unit",
    "test/unit/rfc-map.test.ts`), which fails if this page is stale. A test is listed where it names the code, as what it",
    "expects or in its title. `marmot-wire §` and `behaviour §` are explained in",
    "[protocol-status.md](protocol-status.md#how-the-code-cites-marmot).",
    "",
    "## Modules of src/mls",
    "",
    ...modulesTable("src/mls"),
    "",
    "## Checks of src/mls",
    "",
    "Sections of RFC 9420, unless the meaning names another document; none: the extensions draft, or ours.",
    "",
    ...checksTable(checksOf("src/mls"), true),
    "",
    "## Validation rules of RFC 9420",
    "",
    "What is refused, by section; each test builds the bad object and expects the code.",
    "",
    ...rulesTable(),
    "",
    "## Modules of src/marmot",
    "",
    ...modulesTable("src/marmot"),
    "",
    "## Checks of src/marmot",
    "",
    "Sections in the meaning are those of marmot-wire, unless it says behaviour.",
    "",
    ...checksTable(checksOf("src/marmot"), false),
    "",
  ].join("\n")
}

function modulesTable(folder: string): string[] {
  return [
    "| file | follows |",
    "| --- | --- |",
    ...layer(folder).map((source) => {
      const ours = OURS.has(source.path) ? "(ours) " : ""
      return `| ${nameOf(source.path, folder)} | ${ours}${cell(headerOf(source))} |`
    }),
  ]
}

function checksTable(checks: readonly Check[], withSections: boolean): string[] {
  const row = (...cells: readonly string[]) => `| ${cells.join(" | ")} |`
  const titles = ["code", "meaning", ...(withSections ? ["§"] : []), "raised in", "tested in"]
  return [
    row(...titles),
    row(...titles.map(() => "---")),
    ...checks.map(({ code, meaning, sections, files, tests }) =>
      row(
        code,
        cell(meaning),
        ...(withSections ? [sections.join(", ")] : []),
        list(files),
        list(tests),
      ),
    ),
  ]
}

function rulesTable(): string[] {
  return [
    "| § | refused | code | test |",
    "| --- | --- | --- | --- |",
    ...validationRules.map(
      ({ section, refused, code, file, test: title }) =>
        `| ${section} | ${cell(refused)} | ${code} | ${file}: ${cell(title)} |`,
    ),
  ]
}

/** Whether the rule's test is there and names the code: in its title, in its body, or in the rows that it is run for. */
function isProven({ code, file, test: title }: Rule): boolean {
  const { text } = read(`src/${file}.test.ts`)
  const quoted = [`"${title}"`, `'${title}'`].map((each) => text.indexOf(each))
  const at = Math.max(...quoted)
  if (at < 0) return false
  // The rows of `test.each` stand before the title.
  const before = text.lastIndexOf("test", at)
  const start = text.startsWith("test.each", before) ? before : text.lastIndexOf("test.each", at)
  const rows = title.includes("%s") && start >= 0 ? text.slice(start, at) : ""
  const next = /\n +(?:test|describe)[.(]|\n(?:test|describe)[.(]/.exec(text.slice(at))
  const body = text.slice(at, next === null ? undefined : at + next.index)
  return new RegExp(`\\b${code}\\b`).test(rows + body)
}

const list = (names: readonly string[]) => (names.length === 0 ? "–" : names.join(", "))
const cell = (text: string) => text.replaceAll("|", "\\|")

describe("the map of the specifications", () => {
  test("every module of the protocol says on its first line what it follows", () => {
    const silent = [...layer("src/mls"), ...layer("src/marmot")]
      .filter((source) => !OURS.has(source.path) && !SPECIFICATION.test(headerOf(source)))
      .map(({ path }) => path)
    expect(silent).toEqual([])
  })

  test("every code says what it means, is raised somewhere and tested somewhere", () => {
    const checks = [...checksOf("src/mls"), ...checksOf("src/marmot")]
    expect(checks.length).toBeGreaterThan(100)
    const codes = (wrong: (check: Check) => boolean) =>
      checks.filter((check) => check.code !== INTERNAL && wrong(check)).map(({ code }) => code)
    expect(codes(({ meaning }) => meaning === "")).toEqual([])
    expect(codes(({ files }) => files.length === 0)).toEqual([...BY_CALLERS])
    expect(codes(({ tests }) => tests.length === 0)).toEqual([])
  })

  test("every validation rule has its code and the test that sees it", () => {
    const codes = new Set(checksOf("src/mls").map(({ code }) => code))
    expect(validationRules.filter(({ code }) => !codes.has(code))).toEqual([])
    expect(validationRules.filter((rule) => !isProven(rule))).toEqual([])
  })

  test("docs/rfc-map.md is up to date", () => {
    const now = rendered()
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, now)
    expect(readFileSync(page, "utf8")).toBe(now)
  })
})
