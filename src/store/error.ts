// Errors of the storage layer: one class, a stable code.

export type StoreErrorCode =
  /** What lies around the records (schema, log, key file) is damaged. */
  | "corrupt"
  /** A record does not open under the key that it lies at: changed, moved, or sealed by somebody else. */
  | "tampered"
  /** Written by a newer version of this program. */
  | "version"
  /** No room left. Nothing of the batch was applied. */
  | "quota"
  /** The store was closed: by its owner, by a newer version in another tab, or by the browser. */
  | "closed"
  /** There is no storage here, or another process or tab holds it. */
  | "unavailable"
  /** The disk or the database failed. */
  | "io"
  /** A caller passed something that the contract forbids. */
  | "misuse"

/** Everything that `src/store` throws on purpose. Messages never contain keys, scopes or values. */
export class StoreError extends Error {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options)
    this.name = "StoreError"
    this.code = code
  }
}
