// Errors of the MLS layer: one class, a stable code, the section that was violated.

export type MlsErrorCode =
  /** Bytes that are not a well-formed TLS presentation structure (RFC 9420 §2.1). */
  | "decode"
  /** A value that this build does not implement (version, suite, credential type, …). */
  | "unsupported"
  /** A caller passed something that the function's contract forbids. */
  | "misuse"
  /** A state that our own code should never have produced. */
  | "internal"

/**
 * Everything that `src/mls` throws on purpose. `code` is stable and safe to switch on; `message` says what
 * was wrong and never contains key material; `section` names the RFC 9420 section that was violated.
 */
export class MlsError extends Error {
  readonly code: MlsErrorCode
  readonly section: string | undefined

  constructor(code: MlsErrorCode, message: string, section?: string) {
    super(section === undefined ? message : `${message} (RFC 9420 §${section})`)
    this.name = "MlsError"
    this.code = code
    this.section = section
  }
}
