// The rooms of docs/architecture.md: imports point only downwards.
const forbid = (name, from, to, extra = {}) => ({
  name,
  severity: "error",
  from: { path: from },
  to: { path: to, ...extra },
})

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    forbid("mls-knows-nothing-above", "^src/mls", "^src/(?!mls/)"),
    forbid(
      "mls-needs-noble-only",
      "^src/mls/(?!.+\\.(test|fixture)\\.ts$)",
      "node_modules/(?!@noble/)",
    ),
    // marmot may use the pure helpers of nostr (event id, NIP-44), which do no I/O.
    forbid("marmot-below-nostr-io", "^src/marmot", "^src/(ui|client|store|cli)/"),
    forbid(
      "marmot-pure-nostr-only",
      "^src/marmot",
      "^src/nostr/(?!(event|error|relay-url|host-safety)\\.ts$)",
    ),
    forbid(
      "nostr-event-is-pure",
      "^src/nostr/(event|error|relay-url|host-safety)\\.ts$",
      "^src/(?!nostr/(event|error|relay-url|host-safety)\\.ts$)",
    ),
    forbid("nostr-does-not-know-mls", "^src/nostr", "^src/(ui|client|store|cli|marmot|mls)/"),
    forbid("store-knows-no-protocol", "^src/store", "^src/(ui|client|cli|nostr|marmot|mls)/"),
    // Node only: no browser bundle may hold it.
    forbid(
      "file-store-for-cli-only",
      "^src/(?!cli/|store/file|.+\\.(test|fixture)\\.ts$)",
      "^src/store/file",
    ),
    forbid("client-knows-no-ui", "^src/client", "^src/(ui|cli)/|^svelte"),
    forbid("ui-talks-to-client-only", "^src/ui", "^src/(store|nostr|marmot|mls|cli)/"),
    forbid("cli-uses-client", "^src/cli", "^src/ui"),
    {
      name: "no-dev-in-src",
      severity: "error",
      // Tests and their fixtures may use the development relay and the shared vectors.
      from: { path: "^src", pathNot: "\\.(test|fixture)\\.ts$" },
      to: { path: "^(dev|test|bench)/" },
    },
    forbid("protocol-has-no-io", "^src/(mls|marmot)", "^(node:|idb|ws|svelte|fs|net|http)"),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "svelte", "browser"],
    },
  },
}
