import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { decode } from "./codec.ts"
import { decodeAuthenticatedContent } from "./framing.ts"
import { confirmationTag, confirmedTranscriptHash, interimTranscriptHash } from "./transcript.ts"
import { bytes, hex, implemented, vectorBackEnds, vectorCrypto } from "./vectors.fixture.ts"

interface TranscriptVector {
  readonly cipher_suite: number
  readonly confirmation_key: string
  readonly authenticated_content: string
  readonly interim_transcript_hash_before: string
  readonly confirmed_transcript_hash_after: string
  readonly interim_transcript_hash_after: string
}

withShared<TranscriptVector[]>("vectors/mls/transcript-hashes.json", (vectors) => {
  describe.each(vectorBackEnds)("transcript-hashes on %s", (backend) => {
    test.each(implemented(vectors))("suite $cipher_suite", async (vector) => {
      const crypto = await vectorCrypto(vector, backend)
      const commit = decode(decodeAuthenticatedContent, bytes(vector.authenticated_content))
      const before = bytes(vector.interim_transcript_hash_before)
      const confirmed = await confirmedTranscriptHash(crypto, before, commit)
      expect(hex(confirmed)).toBe(vector.confirmed_transcript_hash_after)
      const tag = confirmationTag(crypto, bytes(vector.confirmation_key), confirmed)
      expect(tag).toEqual(commit.auth.confirmationTag)
      const interim = interimTranscriptHash(crypto, confirmed, tag)
      expect(hex(interim)).toBe(vector.interim_transcript_hash_after)
    })
  })
})
