// Storage: sealed records in memory, in order. The memory store lies in them; the file store reads from them.

import type { SealedOp } from "./driver.ts"
import type { RangeOptions, StoredRecord, TableName } from "./types.ts"

export class SortedRecords {
  readonly #scopes = new Map<string, Scope>()

  get(table: TableName, token: string, sort: string): Uint8Array | undefined {
    return this.#scopes.get(nameOf(table, token))?.values.get(sort)
  }

  range(table: TableName, token: string, options: RangeOptions): readonly StoredRecord[] {
    const scope = this.#scopes.get(nameOf(table, token))
    if (scope === undefined) return []
    scope.sorts ??= [...scope.values.keys()].sort()
    const { after, before, limit = Infinity, reverse = false } = options
    const from = after === undefined ? 0 : firstAbove(scope.sorts, after)
    const to = before === undefined ? scope.sorts.length : firstAtLeast(scope.sorts, before)
    const sorts = reverse
      ? scope.sorts.slice(Math.max(from, to - limit), to).reverse()
      : scope.sorts.slice(from, Math.min(to, from + limit))
    return sorts.flatMap((sort) => {
      const value = scope.values.get(sort)
      return value === undefined ? [] : [{ sort, value }]
    })
  }

  /** Cannot fail: what may go wrong has gone wrong before. */
  apply(ops: readonly SealedOp[]): void {
    for (const { table, token, sort, value } of ops) {
      if (value === undefined) this.#delete(table, token, sort)
      else this.#put(table, token, sort, value)
    }
  }

  /** Every record, in no particular order. */
  *all(): Generator<SealedOp & { readonly value: Uint8Array }> {
    for (const { table, token, values } of this.#scopes.values()) {
      for (const [sort, value] of values) yield { table, token, sort, value }
    }
  }

  clear(): void {
    this.#scopes.clear()
  }

  #put(table: TableName, token: string, sort: string, value: Uint8Array): void {
    const name = nameOf(table, token)
    let scope = this.#scopes.get(name)
    if (scope === undefined) {
      scope = { table, token, values: new Map(), sorts: undefined }
      this.#scopes.set(name, scope)
    }
    if (scope.sorts !== undefined && !scope.values.has(sort)) {
      scope.sorts.splice(firstAtLeast(scope.sorts, sort), 0, sort)
    }
    scope.values.set(sort, value)
  }

  #delete(table: TableName, token: string, sort: string): void {
    const name = nameOf(table, token)
    const scope = this.#scopes.get(name)
    if (scope?.values.delete(sort) !== true) return
    if (scope.sorts !== undefined) scope.sorts.splice(firstAtLeast(scope.sorts, sort), 1)
    if (scope.values.size === 0) this.#scopes.delete(name)
  }
}

interface Scope {
  readonly table: TableName
  readonly token: string
  readonly values: Map<string, Uint8Array>
  /** The keys of `values` in order; made when first asked for, then kept. */
  sorts: string[] | undefined
}

const nameOf = (table: TableName, token: string) => `${table}/${token}`

const firstAtLeast = (sorts: readonly string[], sort: string) =>
  bisect(sorts, (each) => each >= sort)

const firstAbove = (sorts: readonly string[], sort: string) => bisect(sorts, (each) => each > sort)

/** The first index at which `holds` is true, of a list where it stays true. */
function bisect(sorts: readonly string[], holds: (sort: string) => boolean): number {
  let low = 0
  let high = sorts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const sort = sorts[middle]
    if (sort !== undefined && holds(sort)) high = middle
    else low = middle + 1
  }
  return low
}
