import { expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { type Decoder, type Encoder, decode, encode } from "./codec.ts"
import { decodeMlsMessage, encodeMlsMessage } from "./message.ts"
import {
  type Proposal,
  decodeCommit,
  decodeProposal,
  encodeCommit,
  encodeProposal,
} from "./proposal-codec.ts"
import { decodeRatchetTree, encodeRatchetTree } from "./ratchet-tree-codec.ts"
import { proposalTypes } from "./registry.ts"
import { bytes, hex } from "./vectors.fixture.ts"
import { decodeGroupSecrets, encodeGroupSecrets } from "./welcome-codec.ts"

type Name =
  | "mls_welcome"
  | "mls_group_info"
  | "mls_key_package"
  | "ratchet_tree"
  | "group_secrets"
  | "add_proposal"
  | "update_proposal"
  | "remove_proposal"
  | "pre_shared_key_proposal"
  | "re_init_proposal"
  | "external_init_proposal"
  | "group_context_extensions_proposal"
  | "commit"
  | "public_message_application"
  | "public_message_proposal"
  | "public_message_commit"
  | "private_message"

type MessagesVector = Readonly<Record<Name, string>>

const again =
  <T>(decoder: Decoder<T>, encoder: Encoder<T>) =>
  (input: Uint8Array) =>
    encode(encoder, decode(decoder, input))

const message = (input: Uint8Array) => encodeMlsMessage(decodeMlsMessage(input))

/** The vectors hold a proposal's struct without its type. */
const proposal = (type: Proposal["proposalType"]) => (input: Uint8Array) => {
  const typed = Uint8Array.from([type >> 8, type & 0xff, ...input])
  return again(decodeProposal, encodeProposal)(typed).subarray(2)
}

const reencoders: Readonly<Record<Name, (input: Uint8Array) => Uint8Array>> = {
  mls_welcome: message,
  mls_group_info: message,
  mls_key_package: message,
  ratchet_tree: (input) => encodeRatchetTree(decodeRatchetTree(input)),
  group_secrets: again(decodeGroupSecrets, encodeGroupSecrets),
  add_proposal: proposal(proposalTypes.add),
  update_proposal: proposal(proposalTypes.update),
  remove_proposal: proposal(proposalTypes.remove),
  pre_shared_key_proposal: proposal(proposalTypes.psk),
  re_init_proposal: proposal(proposalTypes.reinit),
  external_init_proposal: proposal(proposalTypes.externalInit),
  group_context_extensions_proposal: proposal(proposalTypes.groupContextExtensions),
  commit: again(decodeCommit, encodeCommit),
  public_message_application: message,
  public_message_proposal: message,
  public_message_commit: message,
  private_message: message,
}

withShared<MessagesVector[]>("vectors/mls/messages.json", (vectors) => {
  const names = Object.keys(reencoders) as Name[]
  test.each(names)("messages: %s, all cases, re-encode to what was read", (name) => {
    for (const vector of vectors) {
      expect(hex(reencoders[name](bytes(vector[name])))).toBe(vector[name])
    }
  })
})
