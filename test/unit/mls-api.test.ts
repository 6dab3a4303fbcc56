// RFC 9420: the public API of the MLS layer is documented, and whole.

import { readFileSync } from "node:fs"
import ts from "typescript"
import { expect, test } from "vitest"
import * as mls from "../../src/mls/index.ts"

const index = new URL("../../src/mls/index.ts", import.meta.url)

/** What a public name stands for, and the module that says it. */
interface Declared {
  readonly name: string
  readonly module: URL
  readonly node: ts.Statement
}

const modules = new Map<string, readonly ts.Statement[]>()

function statementsOf(module: URL): readonly ts.Statement[] {
  const read = modules.get(module.href)
  if (read !== undefined) return read
  const text = readFileSync(module, "utf8")
  const { statements } = ts.createSourceFile(module.href, text, ts.ScriptTarget.Latest, true)
  modules.set(module.href, statements)
  return statements
}

const isExported = (node: ts.Node) =>
  ts.canHaveModifiers(node) &&
  (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)

/** The names that a statement declares, or brings in from another module: for those, a search there. */
function namesOf(statement: ts.Statement, module: URL): (readonly [string, () => Declared[]])[] {
  const here = (name: string) => [name, () => [{ name, module, node: statement }]] as const
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => here(name.getText()))
  }
  if (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) {
    const specifier = statement.moduleSpecifier
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return []
    if (!specifier.text.startsWith(".")) return []
    const from = new URL(specifier.text, module)
    const names = ts.isImportDeclaration(statement)
      ? statement.importClause?.namedBindings
      : statement.exportClause
    if (names === undefined) {
      const exported = statementsOf(from).filter(isExported)
      return exported.flatMap((inner) => namesOf(inner, from))
    }
    if (!ts.isNamedImports(names) && !ts.isNamedExports(names)) return []
    return names.elements.map(({ name }) => [name.text, () => declared(from, name.text)] as const)
  }
  const named =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement)
  return named && statement.name !== undefined ? [here(statement.name.text)] : []
}

function declared(module: URL, wanted: string): Declared[] {
  for (const statement of statementsOf(module)) {
    const found = namesOf(statement, module).find(([name]) => name === wanted)
    if (found !== undefined) return found[1]()
  }
  return []
}

/** The names of types in a declaration, but those that only its implementation uses. */
function typeNamesIn(node: ts.Node): string[] {
  if (ts.isBlock(node)) return []
  if (ts.isVariableDeclaration(node)) return node.type === undefined ? [] : typeNamesIn(node.type)
  const names: string[] = []
  if (ts.isTypeReferenceNode(node)) names.push(node.typeName.getText())
  if (ts.isExpressionWithTypeArguments(node)) names.push(node.expression.getText())
  ts.forEachChild(node, (child) => void names.push(...typeNamesIn(child)))
  return names
}

/** What is in them is nobody's business: states are read by functions, and stored as bytes. */
const OPAQUE = new Set(["RatchetTree", "TreePrivate", "SecretTree", "ExporterTree"])

const entry = statementsOf(index)
  .flatMap((statement) => namesOf(statement, index))
  .flatMap(([, find]) => find())

test("every type that it names is exported too", () => {
  const open = new Set(entry.map(({ node }) => node))
  const hidden = new Map<string, string>()
  const queue = [...entry]
  for (const { name, module, node } of queue) {
    if (OPAQUE.has(name)) continue
    const used = new Set(typeNamesIn(node))
    for (const type of [...used].flatMap((wanted) => declared(module, wanted))) {
      if (open.has(type.node)) continue
      open.add(type.node)
      queue.push(type)
      // An alias of one module is only shorter to write.
      if (isExported(type.node)) hidden.set(type.name, name)
    }
  }
  expect(queue.length).toBeGreaterThan(150)
  expect(Object.fromEntries(hidden)).toEqual({})
})

test("everything in it says what it is", () => {
  const silent = entry.filter(({ name, node }) => {
    return ts.getJSDocCommentsAndTags(node).length === 0 && !/^(?:en|de)code/.test(name)
  })
  expect(entry.length).toBeGreaterThan(150)
  expect(silent.map(({ name }) => name)).toEqual([])
})

test("what gives a promise never throws before it does", () => {
  const hasty = entry.filter(({ node }) => {
    return (
      ts.isFunctionDeclaration(node) &&
      node.type?.getText().startsWith("Promise<") === true &&
      node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword) !== true
    )
  })
  // A turn of the event loop, which can't fail.
  expect(hasty.map(({ name }) => name)).toEqual(["othersTurn"])
})

test("the reader of sources finds all of it", () => {
  const names = entry.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(Object.keys(mls)))
})
