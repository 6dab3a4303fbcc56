// The headless client's lines: one JSON object each, requests in, answers and events out.

export interface Request {
  /** Given back as it came. */
  readonly id: string | number | null
  readonly method: string
  readonly params: Params
}

export type Params = Readonly<Record<string, unknown>>

export type CliErrorCode = "parse_error" | "invalid_request" | "unknown_method" | "invalid_params"

/** A line, or parameters, that make no sense. */
export class CliError extends Error {
  readonly code: CliErrorCode

  constructor(code: CliErrorCode, message: string) {
    super(message)
    this.name = "CliError"
    this.code = code
  }
}

/** Longest line that is looked at. */
const MAX_LINE = 4 * 1024 * 1024

/** Throws `CliError`. */
export function parseRequest(line: string): Request {
  if (line.length > MAX_LINE) throw new CliError("parse_error", "the line is too long")
  const value = parseJson(line)
  if (!isRecord(value)) throw new CliError("invalid_request", "a request is a JSON object")
  const { id = null, method, params = {} } = value
  if (id !== null && typeof id !== "number" && typeof id !== "string") {
    throw new CliError("invalid_request", "the id is a number or a string")
  }
  if (typeof method !== "string") throw new CliError("invalid_request", "there is no method")
  if (!isRecord(params)) throw new CliError("invalid_request", "the params are an object")
  return { id, method, params }
}

/** The id of a line that could not be understood otherwise, as far as one can tell. */
export function idOf(line: string): string | number | null {
  try {
    const value: unknown = JSON.parse(line)
    const id = isRecord(value) ? value["id"] : null
    return typeof id === "number" || typeof id === "string" ? id : null
  } catch {
    return null
  }
}

/** Throws `CliError` `invalid_params`, as do the readers below. */
export function text(params: Params, name: string): string {
  const value = params[name]
  if (typeof value !== "string") throw invalid(name, "a string")
  return value
}

export function optionalText(params: Params, name: string): string | undefined {
  return isAbsent(params[name]) ? undefined : text(params, name)
}

export function optionalInteger(params: Params, name: string): number | undefined {
  const value = params[name]
  if (isAbsent(value)) return undefined
  if (!Number.isSafeInteger(value)) throw invalid(name, "an integer")
  return Number(value)
}

export function optionalFlag(params: Params, name: string): boolean | undefined {
  const value = params[name]
  if (isAbsent(value)) return undefined
  if (typeof value !== "boolean") throw invalid(name, "true or false")
  return value
}

export function texts(params: Params, name: string): readonly string[] {
  const value = params[name]
  if (!isTextList(value)) throw invalid(name, "a list of strings")
  return value
}

export function optionalTexts(params: Params, name: string): readonly string[] | undefined {
  return isAbsent(params[name]) ? undefined : texts(params, name)
}

export function optionalTags(params: Params, name: string): string[][] | undefined {
  const value = params[name]
  if (isAbsent(value)) return undefined
  if (!Array.isArray(value) || !value.every(isTextList)) throw invalid(name, "a list of tags")
  return value.map((tag) => [...tag])
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw new CliError("parse_error", "the line is not JSON")
  }
}

const invalid = (name: string, what: string) =>
  new CliError("invalid_params", `"${name}" must be ${what}`)

const isAbsent = (value: unknown) => value === undefined || value === null

const isTextList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string")

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
