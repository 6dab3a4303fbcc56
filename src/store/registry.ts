// Storage: version numbers and label strings, each in one place.

/** Of the layout as a whole (tables, key derivation, sealing). Stores of a later format are refused. */
export const formatVersion = 1

/** First byte of every sealed value. */
export const sealVersion = 0x01

export const labels = {
  /** HKDF info: the AES-256-GCM key of the values. */
  sealKey: "burrow store 1 seal",
  /** HKDF info: the HMAC key of the scope tokens. */
  nameKey: "burrow store 1 name",
  /** AAD of the data key under its wrapping key. */
  wrappedDataKey: "burrow store 1 data key",
} as const
