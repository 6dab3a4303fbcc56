// RFC 9420 §8.5: exporters.

import type { MlsCrypto } from "./crypto.ts"
import { labels } from "./registry.ts"

/**
 * `MLS-Exporter(label, context, length)`; `length` in bytes. Throws `MlsError` `misuse` for more than 255 times
 * the hash's size.
 */
export function mlsExporter(
  crypto: MlsCrypto,
  exporterSecret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const secret = crypto.deriveSecret(exporterSecret, label)
  return crypto.expandWithLabel(secret, labels.exported, crypto.hash(context), length)
}
