// Errors of the MLS layer: one class, a stable code, the section that was violated.

/** What was wrong. Codes are stable; in brackets the section of RFC 9420 that says so. */
export type MlsErrorCode =
  /** Bytes that are not a well-formed TLS presentation structure (RFC 9420 §2.1). */
  | "decode"
  /** The caller has ended what it asked for. */
  | "aborted"
  // --- Leaf nodes (§7.2, §7.3) ---
  /** An extension type twice in one list (§13). */
  | "extension_duplicate"
  /** A leaf whose signature is wrong. */
  | "leaf_signature_invalid"
  /** A leaf whose capabilities lack the group's protocol version. */
  | "leaf_version_unsupported"
  /** A leaf whose capabilities lack the group's cipher suite. */
  | "leaf_suite_unsupported"
  /** A leaf whose capabilities lack the type of its own credential. */
  | "leaf_credential_not_listed"
  /** A leaf with an extension that its capabilities lack. */
  | "leaf_extension_not_listed"
  /** A leaf whose capabilities lack an extension type that the group requires. */
  | "leaf_required_extension"
  /** A leaf whose capabilities lack a proposal type that the group requires. */
  | "leaf_required_proposal"
  /** A leaf whose capabilities lack a credential type that the group requires. */
  | "leaf_required_credential"
  /** A leaf that lacks a wire format that the group requires (draft-ietf-mls-extensions). */
  | "leaf_required_wire_format"
  /** A leaf whose capabilities lack an extension type of the GroupContext. */
  | "leaf_group_extension"
  /** A leaf whose credential type some member does not support. */
  | "leaf_credential_unsupported"
  /** A leaf that does not support a credential type that some member uses. */
  | "leaf_credentials_in_use"
  /** A leaf whose lifetime has not begun. */
  | "leaf_not_yet_valid"
  /** A leaf whose lifetime is over. */
  | "leaf_expired"
  /** A leaf whose lifetime is longer than the limit, or ends before it begins. */
  | "leaf_lifetime_too_long"
  /** A leaf whose leaf_node_source is not that of the object that carries it. */
  | "leaf_source"
  /** A replacement leaf with the encryption key of the leaf that it replaces. */
  | "leaf_encryption_key_unchanged"
  /** A leaf with the encryption key of another member. */
  | "leaf_encryption_key_not_unique"
  /** A leaf with the signature key of another member. */
  | "leaf_signature_key_not_unique"
  // --- Key packages (§10.1) ---
  /** A key package of another protocol version than the group's. */
  | "key_package_version"
  /** A key package of another cipher suite than the group's. */
  | "key_package_suite"
  /** A key package whose signature is wrong. */
  | "key_package_signature"
  /** A key package whose init key is its leaf's encryption key. */
  | "key_package_init_key"
  // --- The ratchet tree (§7.4 to §7.9, §12.4.3) ---
  /** A ratchet_tree whose last node is blank, or with a node of the wrong type for its place. */
  | "tree_malformed"
  /** A tree of more leaves than the limit. */
  | "tree_too_large"
  /** unmerged_leaves that do not ascend, or name something other than a member below the node. */
  | "unmerged_leaves"
  /** A node between an unmerged leaf and a node that lists it does not list it (§12.4.3.1). */
  | "unmerged_leaves_gap"
  /** A parent node whose encryption key another node has too (§12.4.3.1). */
  | "parent_key_not_unique"
  /** A parent node that no descendant's parent_hash matches (§7.9.2). */
  | "parent_hash_invalid"
  // --- Update paths (§7.5, §12.4.2) ---
  /** A path with another number of nodes than the sender's filtered direct path. */
  | "path_length"
  /** A path node with another number of ciphertexts than the nodes to be reached. */
  | "path_ciphertexts"
  /** A path whose leaf has another parent_hash than the path gives. */
  | "path_parent_hash"
  /** A path that holds nothing that this member's keys open. */
  | "path_no_key"
  /** A path secret that gives another public key than the path's. */
  | "path_public_key"
  // --- Application data (draft-ietf-mls-extensions) ---
  /** Component ids that do not ascend, or repeat. */
  | "app_data_order"
  /** Two AppDataUpdate operations on one component in one commit. */
  | "app_data_conflict"
  /** Removal of a component's state where there is none. */
  | "app_data_absent"
  /** An AppDataUpdate ahead of a GroupContextExtensions proposal in one commit. */
  | "app_data_before_extensions"
  /** A GroupContextExtensions proposal that changes the dictionary of a group that requires AppDataUpdate. */
  | "app_data_direct_change"
  /** A required wire format that some member does not support. */
  | "required_wire_formats"
  /** A component's secret of this epoch was exported before. */
  | "component_secret_used"
  /** A multi-credential with bindings that not all members support (draft-ietf-mls-extensions). */
  | "credential_binding_unsupported"
  /** A binding of a multi-credential that is wrong, or none that is supported. */
  | "credential_binding"
  /** authenticated_data is no SafeAAD in a group that requires it. */
  | "safe_aad"
  // --- Messages to a group ---
  /** A message for another group. */
  | "wrong_group"
  /** A message of another epoch than the state's. */
  | "wrong_epoch"
  /** A commit of our own: its successor state came from `createCommit`. */
  | "own_commit"
  /** An MLSMessage of a kind that a group does not process, or larger than the limit. */
  | "unexpected_message"
  /** The sender's leaf is blank or outside the tree (§6.1). */
  | "unknown_sender"
  /** An index outside the external_senders list (§12.1.8). */
  | "unknown_external_sender"
  /** A kind of sender that may not send this kind of content (§6, §12.1.8). */
  | "sender_not_allowed"
  /** An application message in a PublicMessage (§6.2). */
  | "application_not_encrypted"
  /** The signature over a message's content is wrong (§6.1). */
  | "signature_invalid"
  /** A commit's confirmation tag is absent or wrong (§6.1, §8.2). */
  | "confirmation_tag"
  /** The group was reinitialised: nothing more happens in it (§11.2). */
  | "group_reinitialised"
  /** More messages than may be encrypted in one epoch (§15.2), or a longer one than `maxMessageSize`. */
  | "sending_limit"
  /** Application data while proposals wait to be committed, unless the context allows it (§12.4). */
  | "proposals_pending"
  /** More cached proposals than the limit. */
  | "too_many_proposals"
  /** A commit refers to a proposal that this state has not seen. */
  | "unknown_proposal"
  // --- Proposals (§12.1) ---
  /** Update from something other than a member (§12.1.2). */
  | "update_sender"
  /** Remove of a leaf that is blank or outside the tree (§12.1.3). */
  | "remove_not_member"
  /** A PSK nonce whose length is not KDF.Nh (§8.4). */
  | "psk_nonce"
  /** A PSK proposal with a resumption usage other than application (§12.1.4). */
  | "psk_usage"
  /** The key of a PSK id is not known here (§8.4). */
  | "psk_unknown"
  /** ReInit to an older protocol version (§12.1.5). */
  | "reinit_version"
  /** ExternalInit outside an external commit (§12.1.6). */
  | "external_init_not_external"
  /** A group extension that some member does not support (§12.1.7). */
  | "extension_unsupported"
  /** Required capabilities that some member does not have (§11.1). */
  | "required_capabilities"
  /** An extension in an object where it has no place (§13.4, §17.3). */
  | "extension_misplaced"
  /** A proposal of a type that an external sender may not send (§12.1.8). */
  | "external_proposal_type"
  /** Something other than an Add from new_member_proposal (§12.1.8). */
  | "external_add"
  /** SelfRemove by value; it is allowed by reference only. */
  | "self_remove_by_value"
  /** SelfRemove from something other than a member. */
  | "self_remove_sender"
  /** SelfRemove in a PrivateMessage. */
  | "self_remove_encrypted"
  /** A second SelfRemove, or a Remove of a leaf that removes itself. */
  | "self_remove_conflict"
  // --- The proposal list of a commit (§12.2) ---
  /** The committer's own Update. */
  | "own_update"
  /** A Remove or SelfRemove of the committer. */
  | "committer_removed"
  /** More than one Update or Remove for one leaf. */
  | "leaf_conflict"
  /** Two Adds for one client. */
  | "duplicate_add"
  /** An Add for a client that is a member already. */
  | "already_member"
  /** Two PreSharedKey proposals with one id. */
  | "duplicate_psk"
  /** More than one GroupContextExtensions proposal. */
  | "multiple_group_context_extensions"
  /** A ReInit next to other proposals. */
  | "reinit_not_alone"
  /** A proposal type that some member does not support. */
  | "proposal_type_unsupported"
  // --- Commits (§12.4) ---
  /** A path is required and absent (§12.4). */
  | "path_missing"
  /** The path's leaf keeps the old encryption key, or the path repeats a key of the tree (§12.4.2). */
  | "path_key_reused"
  /** An external commit without ExternalInit (§12.4.3.2). */
  | "external_init_missing"
  /** An external commit with several ExternalInit proposals (§12.4.3.2). */
  | "external_init_multiple"
  /** An external commit with several Remove proposals (§12.4.3.2). */
  | "external_remove_multiple"
  /** An external commit with a type of proposal that it may not have (§12.4.3.2). */
  | "external_commit_type"
  /** An external commit with something other than SelfRemove by reference (§12.4.3.2). */
  | "external_commit_reference"
  /** The authentication service refused a credential (§5.3.1). */
  | "credential_rejected"
  /** The authentication service refused a credential as the successor of another (§5.3.1); or, without its word, an external commit removes somebody else. */
  | "credential_successor"
  /** A commit of our own Update, whose private keys this state does not hold. */
  | "own_update_keys"
  // --- Joining (§12.4.3.1) ---
  /** A Welcome, none of whose secrets is for one of our key packages. */
  | "welcome_not_for_us"
  /** Suite or version of Welcome, key package and GroupInfo differ. */
  | "welcome_suite"
  /** PSKs in GroupSecrets that contradict each other, or a branch or reinit outside epoch 1 (§12.4.3.1). */
  | "welcome_psk"
  // --- Reinitialisation and branching (§11.2, §11.3) ---
  /** The group has no committed ReInit. */
  | "not_reinitialised"
  /** The Welcome's group follows another one, and the caller did not give that, or not the last epoch of a reinitialised one; or he gave one, and it follows none. */
  | "successor_parent"
  /** Crypto of another suite than that of the new group, which follows another one. */
  | "successor_suite"
  /** Group id, version, suite or extensions are not those of the ReInit, or not those of the old group. */
  | "successor_parameters"
  /** A branch with others than the old group's members, or a reinitialised group without one of them. */
  | "successor_members"
  /** The GroupInfo's signature is wrong. */
  | "group_info_signature"
  /** No ratchet tree was given. */
  | "ratchet_tree_missing"
  /** The tree's hash is not that of the GroupContext. */
  | "tree_hash"
  /** The GroupInfo's signer is no member. */
  | "group_info_signer"
  /** Our leaf is not in the tree. */
  | "own_leaf_missing"
  /** A GroupInfo without external_pub (§12.4.3.2). */
  | "external_pub_missing"
  // --- States at rest ---
  /** Stored bytes of a group state that are damaged or of an unknown version. */
  | "state_decode"
  /** A value that this build does not implement (version, suite, credential type, …). */
  | "unsupported"
  /** A number that is no leaf or node of a tree (Appendix C). */
  | "invalid_index"
  /** A ciphertext that does not open: a wrong key, or changed bytes (§5.1). */
  | "aead_failed"
  /** A KEM public key of wrong length, or one that yields no secret (§5.1, RFC 9180 §7.1.4). */
  | "invalid_public_key"
  /** A membership tag that does not fit the message (§6.2). */
  | "membership_tag"
  /** The key of this generation was used or given up: a replay, or a message that comes too late (§9.2). */
  | "message_key_used"
  /** A message that skips more generations than the limit (§9.2). */
  | "generation_too_far"
  /** Padding that is not zero (§6.3.1). */
  | "padding_not_zero"
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
