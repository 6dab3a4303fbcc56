// RFC 9420 §8.2: transcript hashes and the confirmation tag (§6.1).

import { concatBytes } from "./bytes.ts"
import { Writer } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { type AuthenticatedContent, encodeFramedContent } from "./framing.ts"

/** `confirmed_transcript_hash` after a commit: `KDF.Nh` bytes. */
export function confirmedTranscriptHash(
  crypto: MlsCrypto,
  interimBefore: Uint8Array,
  commit: AuthenticatedContent,
): Promise<Uint8Array> {
  const input = new Writer()
  input.fixed(interimBefore)
  input.u16(commit.wireFormat)
  encodeFramedContent(input, commit.content)
  input.opaque(commit.auth.signature)
  return crypto.longHash(input.view())
}

/** `interim_transcript_hash` after a commit: `KDF.Nh` bytes. */
export function interimTranscriptHash(
  crypto: MlsCrypto,
  confirmed: Uint8Array,
  tag: Uint8Array,
): Uint8Array {
  const input = new Writer()
  input.opaque(tag)
  return crypto.hash(concatBytes(confirmed, input.view()))
}

/** `confirmation_tag`: a MAC over the new confirmed transcript hash by the new epoch's confirmation key. */
export function confirmationTag(
  crypto: MlsCrypto,
  confirmationKey: Uint8Array,
  confirmed: Uint8Array,
): Uint8Array {
  return crypto.mac(confirmationKey, confirmed)
}
