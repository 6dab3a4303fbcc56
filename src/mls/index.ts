// RFC 9420: the public API of the MLS layer. Everything above imports from here only.

export type * from "./group-types.ts"
export type { MlsCrypto, KeyPair } from "./crypto.ts"
export { MlsError, type MlsErrorCode } from "./error.ts"
