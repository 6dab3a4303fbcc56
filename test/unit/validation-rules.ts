// The validation rules of RFC 9420 §7.3, §8.1, §10.1, §11, §12.2 and §12.4, each with the code of the error that it
// gives and the test that builds the bad object and sees that code. `rfc-map.test.ts` looks whether the test is there.

export interface Rule {
  readonly section: string
  /** In our words: what is refused. */
  readonly refused: string
  readonly code: string
  /** Below src/, without `.test.ts`. */
  readonly file: string
  /** The test's title. */
  readonly test: string
}

const rules = (
  section: string,
  file: string,
  table: readonly (readonly [refused: string, code: string, test: string])[],
): Rule[] => table.map(([refused, code, test]) => ({ section, refused, code, file, test }))

export const validationRules: readonly Rule[] = [
  ...rules("7.3", "mls/validate-leaf", [
    [
      "no support of the protocol version",
      "leaf_version_unsupported",
      "supports the protocol version",
    ],
    ["no support of the cipher suite", "leaf_suite_unsupported", "supports the cipher suite"],
    [
      "a credential of a type that the leaf does not list",
      "leaf_credential_not_listed",
      "lists the type of its credential",
    ],
    [
      "an extension that the leaf does not list",
      "leaf_extension_not_listed",
      "lists its extensions, but for the default ones",
    ],
    ["a wrong signature", "leaf_signature_invalid", "has a valid signature"],
    [
      "a required extension type that is missing",
      "leaf_required_extension",
      "supports the extensions that the group requires",
    ],
    [
      "a required proposal type that is missing",
      "leaf_required_proposal",
      "supports the proposals that the group requires",
    ],
    [
      "a required credential type that is missing",
      "leaf_required_credential",
      "supports the credentials that the group requires",
    ],
    [
      "no support of an extension of the GroupContext",
      "leaf_group_extension",
      "supports the extensions of the GroupContext",
    ],
    [
      "a credential type that some member does not support",
      "leaf_credential_unsupported",
      "has a credential of a type that all support",
    ],
    [
      "no support of a credential type that is in use",
      "leaf_credentials_in_use",
      "supports the types of credentials that others use",
    ],
    ["a lifetime that has not begun", "leaf_not_yet_valid", "is within its lifetime"],
    [
      "a lifetime longer than the application allows (§7.2)",
      "leaf_lifetime_too_long",
      "has a lifetime that is not too long, if there is a limit",
    ],
    ["a lifetime that is over", "leaf_expired", "is within its lifetime"],
    [
      "another leaf_node_source than the carrier's",
      "leaf_source",
      "is of the source that its carrier demands",
    ],
    [
      "the encryption key of the leaf that is replaced",
      "leaf_encryption_key_unchanged",
      "has another encryption key than the leaf that it replaces",
    ],
    [
      "an encryption key that another leaf has",
      "leaf_encryption_key_not_unique",
      "has an encryption key of its own",
    ],
    [
      "a signature key that another leaf has",
      "leaf_signature_key_not_unique",
      "has a signature key of its own",
    ],
    [
      "an encryption key that is none",
      "invalid_public_key",
      "has an encryption key to which something can be sealed",
    ],
  ]),
  ...rules("7.3", "mls/proposal-senders", [
    [
      "a credential that the authentication service refuses",
      "credential_rejected",
      "credential_rejected: what the service throws",
    ],
  ]),
  ...rules("8.1", "mls/messages", [
    [
      "a message with another group_id",
      "wrong_group",
      "wrong_group and wrong_epoch, public and private",
    ],
    [
      "a message with another epoch",
      "wrong_epoch",
      "wrong_group and wrong_epoch, public and private",
    ],
  ]),
  ...rules("8.1", "mls/hostile-bytes", [
    ["a protocol version other than mls10", "unsupported", "an MLSMessage with %s is refused"],
  ]),
  ...rules("8.1", "mls/welcome", [
    [
      "a cipher suite other than the joiner's",
      "welcome_suite",
      "welcome_suite, of the Welcome or of the group",
    ],
    ["a tree_hash that is not the tree's", "tree_hash", "the tree may come by another way"],
    [
      "a confirmed_transcript_hash that does not fit the tag",
      "confirmation_tag",
      "confirmation_tag",
    ],
  ]),
  ...rules("8.1", "mls/proposals", [
    [
      "an extension twice",
      "extension_duplicate",
      "extension_misplaced and extension_duplicate in a GroupContext",
    ],
    [
      "an extension that has no place in a GroupContext",
      "extension_misplaced",
      "extension_misplaced and extension_duplicate in a GroupContext",
    ],
    [
      "an extension whose data is malformed",
      "decode",
      "a GroupContext extension that can't be parsed",
    ],
  ]),
  ...rules("10.1", "mls/key-package", [
    [
      "another protocol version",
      "key_package_version",
      "of another protocol version is refused (§10.1)",
    ],
    ["another cipher suite", "key_package_suite", "of another cipher suite is refused (§10.1)"],
    [
      "a leaf that is not valid for a key package",
      "leaf_source",
      "with a leaf that is not valid for a key package is refused (§10.1)",
    ],
    [
      "a wrong signature of the leaf",
      "leaf_signature_invalid",
      "with a wrong signature of its leaf is refused (§10.1)",
    ],
    [
      "a wrong signature",
      "key_package_signature",
      "with a wrong signature is refused, among good ones too (§10.1)",
    ],
    [
      "an init_key that is the leaf's encryption key",
      "key_package_init_key",
      "whose init key is its leaf's encryption key is refused (§10.1)",
    ],
    ["an init_key that is no key", "invalid_public_key", "whose init key is no key is refused"],
  ]),
  ...rules("11", "mls/group", [
    [
      "group extensions that the creator does not support",
      "leaf_group_extension",
      "leaf_group_extension: an extension that the creator does not support",
    ],
    [
      "a creator's leaf of another suite",
      "leaf_suite_unsupported",
      "leaf_suite_unsupported, leaf_version_unsupported: of the creator's own leaf",
    ],
    [
      "a creator's leaf of another version",
      "leaf_version_unsupported",
      "leaf_suite_unsupported, leaf_version_unsupported: of the creator's own leaf",
    ],
    [
      "a creator's leaf that is not of a key package",
      "leaf_source",
      "leaf_source: a leaf that was not made for a key package",
    ],
    [
      "a creator's credential that the service refuses",
      "credential_rejected",
      "credential_rejected: the service is asked about the creator",
    ],
  ]),
  ...rules("11.1", "mls/group", [
    [
      "required extensions that the creator lacks",
      "leaf_required_extension",
      "leaf_required_extension, leaf_required_proposal, leaf_required_credential",
    ],
    [
      "required proposals that the creator lacks",
      "leaf_required_proposal",
      "leaf_required_extension, leaf_required_proposal, leaf_required_credential",
    ],
    [
      "required credentials that the creator lacks",
      "leaf_required_credential",
      "leaf_required_extension, leaf_required_proposal, leaf_required_credential",
    ],
  ]),
  ...rules("11.1", "mls/proposals", [
    [
      "required capabilities that a member lacks",
      "required_capabilities",
      "required_capabilities that members lack: %s",
    ],
  ]),
  ...rules("11.2", "mls/commit", [
    [
      "anything in a group after its ReInit",
      "group_reinitialised",
      "group_reinitialised: after a ReInit nothing goes on",
    ],
  ]),
  ...rules("11.2", "mls/successor", [
    [
      "a new group although there was no ReInit",
      "not_reinitialised",
      "not_reinitialised, when made and when joined",
    ],
    [
      "a new group that lacks a member of the old one",
      "successor_members",
      "successor_members: one of the old members is missing",
    ],
    [
      "a new group with other parameters than the ReInit's",
      "successor_parameters",
      "successor_parameters: another group id, or other extensions, than agreed",
    ],
    [
      "a new group that no PSK links to the old one",
      "successor_parent",
      "successor_parent: a group of the agreed parameters that an outsider made",
    ],
  ]),
  ...rules("11.3", "mls/successor", [
    [
      "a branch with a stranger in it",
      "successor_members",
      "successor_members: a stranger in the branch, when made and when joined",
    ],
    [
      "a branch whose old group is not known",
      "successor_parent",
      "successor_parent: the key alone does not tell whether the members are right",
    ],
    [
      "a branch that no PSK links to the old group",
      "successor_parent",
      "successor_parent: an old group was given, and no PSK for branching leads to it",
    ],
    [
      "a branch of another cipher suite",
      "successor_suite",
      "successor_suite: crypto of another suite than the old group's",
    ],
  ]),
  ...rules("12.2", "mls/proposals", [
    ["the committer's own Update", "own_update", "own_update"],
    ["a Remove of the committer", "committer_removed", "committer_removed"],
    [
      "several Updates or Removes of one leaf",
      "leaf_conflict",
      "leaf_conflict: two Removes, or an Update and a Remove or SelfRemove, of one leaf",
    ],
    ["several Adds of one client", "duplicate_add", "duplicate_add"],
    ["an Add of a member that stays", "already_member", "already_member, unless the member goes"],
    ["several PreSharedKeys of one id", "duplicate_psk", "duplicate_psk"],
    [
      "several GroupContextExtensions",
      "multiple_group_context_extensions",
      "multiple_group_context_extensions",
    ],
    ["a ReInit with other proposals", "reinit_not_alone", "reinit_not_alone"],
    ["an ExternalInit by a member", "external_init_not_external", "external_init_not_external"],
    [
      "a type that some member does not support",
      "proposal_type_unsupported",
      "proposal_type_unsupported, except by those who leave",
    ],
    [
      "an Update of something other than a member (§12.1.2)",
      "update_sender",
      "update_sender: an Update by value is its committer's, one from outside nobody's",
    ],
    [
      "a Remove of no member (§12.1.3)",
      "remove_not_member",
      "remove_not_member: beyond the tree, or blank",
    ],
    ["a PSK nonce of the wrong length (§12.1.4)", "psk_nonce", "psk_nonce"],
    ["a resumption PSK of usage reinit or branch (§12.1.4)", "psk_usage", "psk_usage"],
    ["a ReInit to an older version (§12.1.5)", "reinit_version", "reinit_version"],
    [
      "an extension that some member does not support (§12.1.7)",
      "extension_unsupported",
      "extension_unsupported",
    ],
    [
      "an Add whose key package is not valid (§12.1.1)",
      "key_package_signature",
      "leaves of Adds follow §10.1 and §7.3",
    ],
  ]),
  ...rules("12.2, external", "mls/external", [
    [
      "no ExternalInit",
      "external_init_missing",
      "external_init_missing and external_init_multiple",
    ],
    [
      "several ExternalInits",
      "external_init_multiple",
      "external_init_missing and external_init_multiple",
    ],
    ["several Removes", "external_remove_multiple", "external_remove_multiple"],
    ["another type of proposal", "external_commit_type", "external_commit_type"],
    ["a proposal by reference", "external_commit_reference", "external_commit_reference"],
    [
      "a Remove of somebody else",
      "credential_successor",
      "resync: nobody removes another member by joining",
    ],
    [
      "a Remove of no member",
      "remove_not_member",
      "remove_not_member, duplicate_psk, self_remove_conflict",
    ],
    [
      "several PreSharedKeys of one id",
      "duplicate_psk",
      "remove_not_member, duplicate_psk, self_remove_conflict",
    ],
  ]),
  ...rules("12.4", "mls/commit", [
    ["no path where one is required", "path_missing", "path_missing"],
    ["a wrong confirmation tag", "confirmation_tag", "confirmation_tag"],
    [
      "a path's leaf with a wrong signature",
      "leaf_signature_invalid",
      "the path's leaf: signature, source, keys",
    ],
    [
      "a path's leaf that was not made for a commit",
      "leaf_source",
      "the path's leaf: signature, source, keys",
    ],
    [
      "a path's leaf with the old encryption key, or a key of the tree in the path",
      "path_key_reused",
      "the path's leaf: signature, source, keys",
    ],
    [
      "a path's leaf with another member's signature key",
      "leaf_signature_key_not_unique",
      "the path's leaf: signature, source, keys",
    ],
    [
      "a path of the wrong length",
      "path_length",
      "the path's nodes: number, ciphertexts, parent hash, secrets",
    ],
    [
      "a path node with the wrong number of ciphertexts",
      "path_ciphertexts",
      "the path's nodes: number, ciphertexts, parent hash, secrets",
    ],
    [
      "a path's leaf with a wrong parent_hash",
      "path_parent_hash",
      "the path's nodes: number, ciphertexts, parent hash, secrets",
    ],
    [
      "our own commit as if it were received",
      "own_commit",
      "own_commit, also one that is encrypted",
    ],
  ]),
  ...rules("12.4", "mls/treekem", [
    [
      "a path secret that does not give the node's key",
      "path_public_key",
      "gives the public keys that it states (§7.5)",
    ],
  ]),
  ...rules("12.4", "mls/proposals", [
    ["a reference to no known proposal", "unknown_proposal", "unknown_proposal"],
    ["a PSK that is not known", "psk_unknown", "psk_unknown"],
  ]),
  ...rules("12.4", "mls/messages", [
    ["a wrong signature", "signature_invalid", "signature_invalid, public and private"],
    ["a wrong membership tag", "membership_tag", "membership_tag"],
    ["a sender that is no member", "unknown_sender", "unknown_sender"],
  ]),
  ...rules("12.4", "mls/proposal-senders", [
    [
      "a commit by an external sender",
      "sender_not_allowed",
      "sender_not_allowed: a commit from an external sender, application data from outside",
    ],
  ]),
  ...rules("12.4.3.1", "mls/welcome", [
    ["a Welcome for somebody else", "welcome_not_for_us", "welcome_not_for_us"],
    [
      "another suite than the key package's",
      "welcome_suite",
      "welcome_suite, of the Welcome or of the group",
    ],
    [
      "secrets that do not open",
      "aead_failed",
      "aead_failed: another init key, or damaged secrets",
    ],
    ["PSKs that contradict each other", "welcome_psk", "psk_unknown, psk_nonce and welcome_psk"],
    [
      "a GroupInfo with a wrong signature",
      "group_info_signature",
      "group_info_signature and group_info_signer",
    ],
    ["a GroupInfo by no member", "group_info_signer", "group_info_signature and group_info_signer"],
    ["a tree without our leaf", "own_leaf_missing", "own_leaf_missing"],
    [
      "a path secret that is not the tree's",
      "path_public_key",
      "path_public_key: a path secret that is not the tree's",
    ],
    ["a wrong confirmation tag", "confirmation_tag", "confirmation_tag"],
  ]),
  ...rules("12.4.3.1", "mls/validate-tree", [
    [
      "unmerged leaves that are no members below",
      "unmerged_leaves",
      "lists members below a node as unmerged, and nobody else",
    ],
    [
      "unmerged leaves that a node in between does not list",
      "unmerged_leaves_gap",
      "lists an unmerged leaf at all non-blank nodes up to the one that lists it",
    ],
    [
      "a parent key that another node has",
      "parent_key_not_unique",
      "has parent keys that no other node has",
    ],
    [
      "a parent hash that leads to no member",
      "parent_hash_invalid",
      "has parent hashes that lead from every parent node to a member (§7.9.2)",
    ],
  ]),
  ...rules("12.4.3.2", "mls/external", [
    ["an external commit without a path", "path_missing", "path_missing"],
    [
      "a GroupInfo without external_pub",
      "external_pub_missing",
      "external_pub_missing, ratchet_tree_missing, unexpected_message",
    ],
    ["a wrong confirmation tag", "confirmation_tag", "confirmation_tag and signature_invalid"],
  ]),
]
