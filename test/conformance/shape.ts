// Scenario IR: a shape says what JSON may be; checking gives the value its type.

/** Turns JSON at the path `at` into a value. Throws `ShapeError`. */
export type Check<T> = (value: unknown, at: string) => T
export type Checked<C> = C extends Check<infer T> ? T : never

export class ShapeError extends Error {
  override name = "ShapeError"
}

type Shape = Readonly<Record<string, Check<unknown>>>
type Fields<S extends Shape> = { readonly [K in keyof S]: Checked<S[K]> }

export const text: Check<string> = (value, at) => {
  if (typeof value !== "string") throw new ShapeError(`${at} is no string`)
  return value
}

export const label: Check<string> = (value, at) => {
  if (text(value, at) === "") throw new ShapeError(`${at} is empty`)
  return text(value, at)
}

export const count: Check<number> = (value, at) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new ShapeError(`${at} is no natural number`)
  }
  return value
}

export const positive: Check<number> = (value, at) => {
  if (count(value, at) === 0) throw new ShapeError(`${at} is zero`)
  return count(value, at)
}

/** A u64 as JSON has it: beyond 2^53 its last digits are lost, which does not matter to a seed. */
export const wide: Check<number> = (value, at) => {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 2 ** 64) {
    throw new ShapeError(`${at} is no natural number of 64 bits`)
  }
  return value
}

export const flag: Check<boolean> = (value, at) => {
  if (typeof value !== "boolean") throw new ShapeError(`${at} is neither true nor false`)
  return value
}

/** Read by nobody here. */
export const anything: Check<unknown> = (value) => value

export function oneOf<const T extends readonly string[]>(...values: T): Check<T[number]> {
  return (value, at) => {
    const found = values.find((known) => known === value)
    if (found === undefined) throw new ShapeError(`${at} is none of ${values.join(", ")}`)
    return found
  }
}

export function list<T>(item: Check<T>): Check<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw new ShapeError(`${at} is no list`)
    return value.map((entry: unknown, i) => item(entry, `${at}[${i}]`))
  }
}

/** No item twice. */
export function unique<T>(item: Check<T>): Check<readonly T[]> {
  return (value, at) => {
    const items = list(item)(value, at)
    if (new Set(items).size !== items.length) throw new ShapeError(`${at} repeats an item`)
    return items
  }
}

export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, at) => (value === undefined || value === null ? undefined : check(value, at))
}

/** Exactly the members of `shape`; any other is an error. */
export function object<S extends Shape>(shape: S): Check<Fields<S>> {
  return (value, at) => fields(shape, members(value, at), at)
}

/** The members of `shape` and others that don't matter. */
export function openObject<S extends Shape>(shape: S): Check<Fields<S>> {
  return (value, at) => {
    const all = members(value, at)
    const known = Object.keys(shape).flatMap((name) =>
      Object.hasOwn(all, name) ? [[name, all[name]]] : [],
    )
    return fields(shape, Object.fromEntries(known) as Record<string, unknown>, at)
  }
}

/** One of several objects, told apart by the member `tag`. */
export function tagged<Tag extends string, V extends Readonly<Record<string, Shape>>>(
  tag: Tag,
  variants: V,
): Check<{ [K in keyof V]: Readonly<Record<Tag, K>> & Fields<V[K]> }[keyof V]> {
  return (value, at) => {
    const { [tag]: kind, ...rest } = members(value, at)
    const shape =
      typeof kind === "string" && Object.hasOwn(variants, kind) ? variants[kind] : undefined
    if (shape === undefined) throw new ShapeError(`${at} has the unknown ${tag} ${String(kind)}`)
    return { [tag]: kind, ...fields(shape, rest, `${at} (${String(kind)})`) } as {
      [K in keyof V]: Readonly<Record<Tag, K>> & Fields<V[K]>
    }[keyof V]
  }
}

function members(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ShapeError(`${at} is no object`)
  }
  return value as Record<string, unknown>
}

function fields<S extends Shape>(shape: S, value: Record<string, unknown>, at: string): Fields<S> {
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(shape, name)) {
      throw new ShapeError(`${at} has the unknown member ${name}`)
    }
  }
  const checked = Object.entries(shape).map(([name, check]) => [
    name,
    check(value[name], `${at}.${name}`),
  ])
  return Object.fromEntries(checked) as Fields<S>
}
