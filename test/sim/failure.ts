// What a run can break, and what is said of it then.

export const properties = [
  "divergent",
  "lost",
  "duplicated",
  "leaked",
  "stuck",
  "order",
  "rule",
  "unbounded",
  "defect",
] as const
export type Property = (typeof properties)[number]

export interface Failure {
  readonly property: Property
  readonly text: string
}

export type Fail = (property: Property, text: string) => void
