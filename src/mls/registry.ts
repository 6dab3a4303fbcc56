// RFC 9420 §5, §17 and draft-ietf-mls-extensions: every label and wire number, once.

/** `ProtocolVersion` (§6). */
export const protocolVersions = { mls10: 0x0001 } as const

/** `WireFormat` (§17.2). */
export const wireFormats = {
  publicMessage: 0x0001,
  privateMessage: 0x0002,
  welcome: 0x0003,
  groupInfo: 0x0004,
  keyPackage: 0x0005,
} as const

/** `ContentType` (§6). */
export const contentTypes = { application: 1, proposal: 2, commit: 3 } as const

/** `SenderType` (§6). */
export const senderTypes = {
  member: 1,
  external: 2,
  newMemberProposal: 3,
  newMemberCommit: 4,
} as const

/** `ProposalType` (§17.4; draft §7.3). */
export const proposalTypes = {
  add: 0x0001,
  update: 0x0002,
  remove: 0x0003,
  psk: 0x0004,
  reinit: 0x0005,
  externalInit: 0x0006,
  groupContextExtensions: 0x0007,
  appDataUpdate: 0x0008,
  appEphemeral: 0x0009,
  selfRemove: 0x000a,
} as const

/** `ExtensionType` (§17.3; draft §7.2). */
export const extensionTypes = {
  applicationId: 0x0001,
  ratchetTree: 0x0002,
  requiredCapabilities: 0x0003,
  externalPub: 0x0004,
  externalSenders: 0x0005,
  appDataDictionary: 0x0006,
  supportedWireFormats: 0x0007,
  requiredWireFormats: 0x0008,
} as const

/** `CredentialType` (§17.5; draft §7.4). */
export const credentialTypes = {
  basic: 0x0001,
  x509: 0x0002,
  multi: 0x0003,
  weakMulti: 0x0004,
} as const

/** Every label string; those with a version prefix say so here and nowhere else. */
export const labels = {
  /** Before each label of SignWithLabel, EncryptWithLabel and ExpandWithLabel (§5.1, §8). */
  prefix: "MLS 1.0 ",
  keyPackageRef: "MLS 1.0 KeyPackage Reference",
  proposalRef: "MLS 1.0 Proposal Reference",
  framedContentTbs: "FramedContentTBS",
  leafNodeTbs: "LeafNodeTBS",
  keyPackageTbs: "KeyPackageTBS",
  groupInfoTbs: "GroupInfoTBS",
  updatePathNode: "UpdatePathNode",
  welcome: "Welcome",
  joiner: "joiner",
  epoch: "epoch",
  senderData: "sender data",
  encryption: "encryption",
  exporter: "exporter",
  external: "external",
  confirm: "confirm",
  membership: "membership",
  resumption: "resumption",
  authentication: "authentication",
  init: "init",
  exported: "exported",
  welcomeSecret: "welcome",
  derivedPsk: "derived psk",
  path: "path",
  node: "node",
  tree: "tree",
  handshake: "handshake",
  application: "application",
  key: "key",
  nonce: "nonce",
  secret: "secret",
  externalInit: "MLS 1.0 external init secret",
  /** Of the draft: §4.1, §4.4, §6.5. */
  component: "MLS Component",
  applicationExport: "application_export",
  credentialBinding: "CredentialBindingTBS",
} as const
