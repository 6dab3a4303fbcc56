// Mutants of the protocol's rules: each breaks one rule, and a test must notice (behaviour §14.4).

/** One rule broken by replacing text that stands exactly once in a file. */
export interface Mutant {
  /** What the broken code does. */
  readonly name: string
  /** The mutation operator of behaviour §14.4 that it ports, if it is one. */
  readonly ports?: string
  readonly file: string
  readonly from: string
  readonly to: string
  /** A test that fails on it: its file and its whole name, `describe` titles included. */
  readonly killedBy: readonly [file: string, name: string]
}

const CONVERGENCE = "src/marmot/convergence.ts"
const PASS = "src/marmot/pass.ts"
const AUTHORIZATION = "src/marmot/authorization.ts"

const selector = "src/marmot/convergence.test.ts"
const model = [
  selector,
  "against an independent model the same branch wins, whatever the order",
] as const
const one = (test: string) => [selector, `policy version 1 ${test}`] as const

export const mutants: readonly Mutant[] = [
  // The six keys of §8.6.
  {
    name: "the shallower branch wins",
    file: CONVERGENCE,
    from: "b.score.effectiveDepth - a.score.effectiveDepth",
    to: "a.score.effectiveDepth - b.score.effectiveDepth",
    killedBy: model,
  },
  {
    name: "a branch without a quorum wins the tie of depths",
    file: CONVERGENCE,
    from: "Number(b.score.quorum) - Number(a.score.quorum)",
    to: "Number(a.score.quorum) - Number(b.score.quorum)",
    killedBy: model,
  },
  {
    name: "the lower witness score wins",
    file: CONVERGENCE,
    from: "b.score.witnessScore - a.score.witnessScore",
    to: "a.score.witnessScore - b.score.witnessScore",
    killedBy: model,
  },
  {
    name: "an ordinary Commit wins against a privileged one",
    file: CONVERGENCE,
    from: "Number(b.branch.tipPrivileged) - Number(a.branch.tipPrivileged)",
    to: "Number(a.branch.tipPrivileged) - Number(b.branch.tipPrivileged)",
    killedBy: model,
  },
  {
    name: "the higher committer wins",
    file: CONVERGENCE,
    from: "compareBytes(a.branch.tipCommitter, b.branch.tipCommitter)",
    to: "compareBytes(b.branch.tipCommitter, a.branch.tipCommitter)",
    killedBy: model,
  },
  {
    name: "the higher digest wins",
    file: CONVERGENCE,
    from: "compareBytes(a.branch.tipDigest, b.branch.tipDigest)",
    to: "compareBytes(b.branch.tipDigest, a.branch.tipDigest)",
    killedBy: model,
  },
  {
    name: "the priority is compared before the witness score",
    ports: "comparison order",
    file: CONVERGENCE,
    from: "for (const { name, compare } of RULES) {",
    to: "for (const { name, compare } of [0, 1, 3, 2, 4, 5].map((i) => RULES[i])) {",
    killedBy: model,
  },
  {
    name: "the digest is compared before the committer",
    ports: "comparison order",
    file: CONVERGENCE,
    from: "for (const { name, compare } of RULES) {",
    to: "for (const { name, compare } of [0, 1, 2, 3, 5, 4].map((i) => RULES[i])) {",
    killedBy: model,
  },
  {
    name: "no quorum is ever met",
    file: CONVERGENCE,
    from: "const quorum = scores.filter((score) => score >= cap).length >= policy.witnessQuorumEpochs",
    to: "const quorum = false",
    killedBy: one("two accounts in one epoch make a quorum, two messages of one account do not"),
  },
  {
    name: "every message of one account counts",
    ports: "sender/epoch dedup",
    file: CONVERGENCE,
    from: "(accounts.get(epoch) ?? new Set()).add(account))",
    to: "(accounts.get(epoch) ?? new Set()).add(`${accounts.get(epoch)?.size} ${account}`))",
    killedBy: one("two accounts in one epoch make a quorum, two messages of one account do not"),
  },
  {
    name: "witnesses of all epochs are counted as of one",
    ports: "sender/epoch dedup",
    file: CONVERGENCE,
    from: "accounts.set(epoch, (accounts.get(epoch) ?? new Set()).add(account))",
    to: "accounts.set(0, (accounts.get(0) ?? new Set()).add(account))",
    killedBy: one("two accounts in one epoch make a quorum, two messages of one account do not"),
  },
  {
    name: "an epoch counts for more than the quorum's size",
    file: CONVERGENCE,
    from: "Math.min(distinct.size, cap)",
    to: "distinct.size",
    killedBy: one("two accounts in one epoch make a quorum, two messages of one account do not"),
  },
  {
    name: "messages at the fork are witnesses",
    file: CONVERGENCE,
    from: "if (epoch <= branch.forkEpoch || epoch > branch.tipEpoch) continue",
    to: "if (epoch < branch.forkEpoch || epoch > branch.tipEpoch) continue",
    killedBy: one("messages at the fork or beyond the tip witness nothing"),
  },
  {
    name: "a fork of five epochs ago is out of reach",
    file: CONVERGENCE,
    from: "baseEpoch - branch.forkEpoch <= policy.maxRewindCommits",
    to: "baseEpoch - branch.forkEpoch < policy.maxRewindCommits",
    killedBy: one("a fork six epochs back is out of reach, five are not"),
  },
  {
    name: "a quorum makes up for two Commits",
    file: CONVERGENCE,
    from: "maxWitnessOverrideDepth: 1,",
    to: "maxWitnessOverrideDepth: 2,",
    killedBy: one("has the pinned constants"),
  },
  // Witnesses, passes and the graph (§8.4, §8.5, §8.9).
  {
    name: "messages that are shown already are no witnesses",
    ports: "witness removal",
    file: PASS,
    from: ".filter((app) => app.innerId !== undefined && onBranch.has(app.stateId))",
    to: '.filter((app) => app.shown !== "shown" && app.innerId !== undefined && onBranch.has(app.stateId))',
    killedBy: ["test/oracle/boundaries.test.ts", "witnesses count when they are shown already"],
  },
  {
    name: "unusable payloads are witnesses",
    file: PASS,
    from: ".filter((app) => app.innerId !== undefined && onBranch.has(app.stateId))",
    to: ".filter((app) => onBranch.has(app.stateId))",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "witnesses are events of their senders, and nothing else",
    ],
  },
  {
    name: "messages of five epochs ago are no witnesses",
    file: PASS,
    from: ".filter((app) => tip.epoch - app.epoch <= APP_WINDOW)",
    to: ".filter((app) => tip.epoch - app.epoch < APP_WINDOW)",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "witnesses of five epochs before a branch's tip count",
    ],
  },
  {
    name: "messages of six epochs ago are witnesses",
    file: PASS,
    from: ".filter((app) => tip.epoch - app.epoch <= APP_WINDOW)",
    to: ".filter((app) => tip.epoch - app.epoch <= APP_WINDOW + 1)",
    killedBy: ["test/oracle/boundaries.test.ts", "witnesses of six epochs before do not"],
  },
  {
    name: "a late witness moves nothing",
    file: PASS,
    from: "if (selectionMoves(t.group)) admit(t)\n    return",
    to: "return",
    killedBy: ["test/oracle/boundaries.test.ts", "witnesses that come late move the selection"],
  },
  {
    name: "a pass is still open at its cutoff",
    ports: "cutoff boundary",
    file: "src/marmot/pass-time.ts",
    from: "return left <= 0 || left > MAX_PASS_MS",
    to: "return left < 0 || left > MAX_PASS_MS",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "a pass is open to the last millisecond of its quiet second, and closed at its end",
    ],
  },
  {
    name: "a pass ends a millisecond before its cutoff",
    ports: "cutoff boundary",
    file: "src/marmot/pass-time.ts",
    from: "return left <= 0 || left > MAX_PASS_MS",
    to: "return left <= 1 || left > MAX_PASS_MS",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "a pass is open to the last millisecond of its quiet second, and closed at its end",
    ],
  },
  {
    name: "a clock that is set back holds the pass open",
    file: "src/marmot/pass-time.ts",
    from: "return left <= 0 || left > MAX_PASS_MS",
    to: "return left <= 0",
    killedBy: ["src/marmot/engine.test.ts", "time a clock that was set back ends the pass"],
  },
  {
    name: "a Commit is applied at once",
    file: PASS,
    from: "quietDeadline: Math.min(now + QUIESCENCE_MS, absoluteDeadline),",
    to: "quietDeadline: now,",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "a pass is open to the last millisecond of its quiet second, and closed at its end",
    ],
  },
  {
    name: "every new input puts the absolute deadline off",
    ports: "deadline re-arm",
    file: PASS,
    from: "const absoluteDeadline = pass?.absoluteDeadline ?? now + MAX_PASS_MS",
    to: "const absoluteDeadline = now + MAX_PASS_MS",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "a pass waits a second more for each new rival, and five seconds in all",
    ],
  },
  {
    name: "new input does not let the quiet period begin anew",
    file: PASS,
    from: "quietDeadline: Math.min(now + QUIESCENCE_MS, absoluteDeadline),",
    to: "quietDeadline: pass?.quietDeadline ?? now + QUIESCENCE_MS,",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "a pass waits a second more for each new rival, and five seconds in all",
    ],
  },
  {
    name: "the base of a pass follows the tip",
    file: PASS,
    from: "const winner = selectBranch(branches, pass.baseEpoch)",
    to: "const winner = selectBranch(branches, Math.max(...[...t.group.states.values()].map(({ epoch }) => epoch)))",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "a pass weighs forks by the epoch at which it began",
    ],
  },
  {
    name: "the candidates of a pass are lost at a restart",
    ports: "frozen member persistence",
    file: "src/marmot/group-records.ts",
    from: 'for (const id of idsOf(records, "state/")) states.set(id, restoreNode(records, "state", id))',
    to: 'for (const id of idsOf(records, "state/")) {\n    const node = restoreNode(records, "state", id)\n    if (node.judged) states.set(id, node)\n  }',
    killedBy: [
      "src/marmot/engine-restart.test.ts",
      "restarts at any point, and after every step, change nothing of what people see",
    ],
  },
  {
    name: "an open pass is lost at a restart",
    ports: "frozen member persistence",
    file: "src/marmot/group-records.ts",
    from: "const waiting = { pass, ...gates,",
    to: "const waiting = { pass: undefined, ...gates,",
    killedBy: [
      "src/marmot/engine-restart.test.ts",
      "restarts at any point, and after every step, change nothing of what people see",
    ],
  },
  {
    name: "witnesses are lost at a restart",
    file: "src/marmot/group-records.ts",
    from: "apps: readApps(records),",
    to: "apps: new Map(),",
    killedBy: [
      "src/marmot/engine-restart.test.ts",
      "restarts at any point, and after every step, change nothing of what people see",
    ],
  },
  {
    name: "the loser of a pass is deleted",
    ports: "provisional winner terminalisation",
    file: "src/marmot/graph.ts",
    from: ": node.parent !== undefined && kept.has(node.parent) && node.epoch - 1 >= oldest",
    to: ": false",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "the horizon a loser of five epochs ago may win, once its branch is longer",
    ],
  },
  {
    name: "a loser of five epochs ago is released",
    ports: "retained expiration boundary",
    file: "src/marmot/graph.ts",
    from: "kept.has(node.parent) && node.epoch - 1 >= oldest",
    to: "kept.has(node.parent) && node.epoch - 1 > oldest",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "the horizon a loser of five epochs ago may win, once its branch is longer",
    ],
  },
  {
    name: "a state of five epochs ago is released",
    ports: "retained expiration boundary",
    file: "src/marmot/graph.ts",
    from: "? node.epoch >= oldest",
    to: "? node.epoch > oldest",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "the horizon a message of five epochs ago is shown, one of six is not",
    ],
  },
  {
    name: "parked losers do not lower the shared root",
    file: "src/marmot/graph.ts",
    from: "const rootEpoch = Math.min(tip.epoch, ...sources)",
    to: "const rootEpoch = tip.epoch",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "the horizon a parked loser keeps the root of all candidates where it left the group",
    ],
  },
  {
    name: "messages of a superseded branch stay visible",
    ports: "output invalidation",
    file: "src/marmot/settle.ts",
    from: 't.emit({ type: "withdraw", innerId: app.innerId, own: app.own })',
    to: "",
    killedBy: [
      "src/marmot/engine-convergence.test.ts",
      "a change that lost takes messages with it, and its author's are said again, shown once",
    ],
  },
  {
    name: "notices of a superseded Commit stay visible",
    ports: "output invalidation",
    file: "src/marmot/settle.ts",
    from: 't.emit({ type: "withdrawNotices", commitDigest: node.id })',
    to: "",
    killedBy: [
      "src/marmot/engine-convergence.test.ts",
      "a change that lost is withdrawn with its notices, once, and its author hears of it",
    ],
  },
  {
    name: "a withdrawn message stays hidden when its branch wins again",
    file: "src/marmot/settle.ts",
    from: 't.emit({ type: "restore", innerId: app.innerId })',
    to: "",
    killedBy: [
      "test/oracle/boundaries.test.ts",
      "a message is withdrawn with its branch, and restored with it, delivered once",
    ],
  },
  {
    name: "nobody learns that a change of ours was lost",
    file: "src/marmot/settle.ts",
    from: "if (node.edge.own && wished.length > 0) {",
    to: "if (node.edge.own && wished.length > 99) {",
    killedBy: [
      "src/marmot/engine-convergence.test.ts",
      "a change that lost is withdrawn with its notices, once, and its author hears of it",
    ],
  },
  {
    name: "what we said on a losing branch is not said again",
    file: "src/marmot/settle.ts",
    from: "if (app.own) resend(t, app)",
    to: "",
    killedBy: [
      "src/marmot/engine-convergence.test.ts",
      "a change that lost takes messages with it, and its author's are said again, shown once",
    ],
  },
  {
    name: "the group's name is not the profile's",
    ports: "profile projection",
    file: "src/marmot/group-facts.ts",
    from: ": decodeGroupProfile(profile)",
    to: ': { ...decodeGroupProfile(profile), name: "" }',
    killedBy: [
      "src/marmot/engine.test.ts",
      "a Commit of ours several wishes are met one after the other",
    ],
  },
  // Publishing (§6).
  {
    name: "a refusal applies the Commit as an acknowledgement does",
    ports: "publication acknowledgement",
    file: "src/marmot/publish.ts",
    from: 'if (outcome === "accepted") confirmPending(t)',
    to: "if (t.group.pending !== undefined) confirmPending(t)",
    killedBy: [
      "src/marmot/engine.test.ts",
      "a Commit of ours is dropped if every relay refuses it; the next one works",
    ],
  },
  {
    name: "our own Commit is applied before any acknowledgement",
    ports: "publication acknowledgement",
    file: "src/marmot/local-commit.ts",
    from: 't.set({ pending: { intent, node, event, relays, welcomes }, lifecycle: "pendingPublish" })',
    to: 't.putState(node)\n  t.set({ tip: id, pending: { intent, node, event, relays, welcomes }, lifecycle: "pendingPublish" })',
    killedBy: [
      "src/marmot/engine.test.ts",
      "a Commit of ours is staged until a relay acknowledges it, then applied at once",
    ],
  },
  {
    name: "Welcomes go out before their Commit is acknowledged",
    file: "src/marmot/local-commit.ts",
    from: 't.set({ pending: { intent, node, event, relays, welcomes }, lifecycle: "pendingPublish" })',
    to: 'for (const welcome of welcomes) t.emit({ type: "welcome", ...welcome })\n  t.set({ pending: { intent, node, event, relays, welcomes: [] }, lifecycle: "pendingPublish" })',
    killedBy: [
      "src/marmot/engine.test.ts",
      "founding and joining a later invitation: the Welcome waits for the acknowledgement and a second more",
    ],
  },
  {
    name: "a Welcome into a branch that lost is sent",
    file: "src/marmot/settle.ts",
    from: "t.set({ welcomes: t.group.welcomes.filter((welcome) => after.has(welcome.stateId)) })",
    to: "",
    killedBy: [
      "src/marmot/engine-convergence.test.ts",
      "a change that lost does not send its Welcome",
    ],
  },
  {
    name: "our own Commit is not recognised when it comes back",
    file: "src/marmot/receive.ts",
    from: "if (t.group.pending?.node.id === id) {",
    to: 'if (t.group.pending?.node.id === "" + Number(id)) {',
    killedBy: [
      "src/marmot/engine.test.ts",
      "a Commit of ours counts as published once it comes back, even if the relay's answer is lost",
    ],
  },
  {
    name: "a refused Commit that a relay had stored is not adopted",
    file: "src/marmot/receive.ts",
    from: "if (t.group.abandoned.has(id)) {\n    adoptAbandoned(t, id)",
    to: "if (t.group.abandoned.has(id)) {",
    killedBy: [
      "test/oracle/engine-choice.test.ts",
      "publishing a change a refused one that a relay had stored all the same competes once it comes back",
    ],
  },
  // Inbound (§7).
  {
    name: "the same bytes in another event are taken again",
    file: "src/marmot/receive.ts",
    from: "return states.has(id) || apps.has(id) || seen.has(id) || deferred.has(id)",
    to: "return false",
    killedBy: [
      "src/marmot/engine-convergence.test.ts",
      "order of arrival the same MLS bytes in another event are a duplicate",
    ],
  },
  {
    name: "handshakes may be PrivateMessages",
    file: "src/marmot/receive.ts",
    from: "if (isApplication !== isPrivate) throw",
    to: "if (isApplication && !isPrivate) throw",
    killedBy: [
      "src/marmot/engine-hostile.test.ts",
      "Commits that their authors may not make handshakes in PrivateMessages",
    ],
  },
  {
    name: "a Commit whose proposal is missing is dropped",
    file: "src/marmot/receive.ts",
    from: 'error.code === "unknown_proposal"',
    to: 'error.code === "internal"',
    killedBy: [
      "src/marmot/engine-convergence.test.ts",
      "order of arrival a Commit before the proposal that it names",
    ],
  },
  {
    name: "a message may name another author than its sender",
    file: "src/marmot/app-event.ts",
    from: "if (event.pubkey !== account) throw",
    to: "if (event.pubkey.length !== account.length) throw",
    killedBy: ["src/marmot/app-event.test.ts", "what is dropped the author is the MLS sender"],
  },
  // Authorization (§4, §5).
  {
    name: "a Commit's author is not authorized",
    file: "src/marmot/commit-edge.ts",
    from: "authorizeCommit(parent, summary)",
    to: "",
    killedBy: [
      "src/marmot/authorization.test.ts",
      "Commits of members who are no admins (behaviour §4) a component is not theirs",
    ],
  },
  {
    name: "a Commit is authorized by its own result",
    file: AUTHORIZATION,
    from: "if (requiresAdmin(summary) && !isActiveAdmin(parent, committer)) {",
    to: "if (requiresAdmin(summary) && !isActiveAdmin(parent, committer) && !summary.proposals.some(({ proposal }) => adminsSet(proposal)?.includes(committer))) {",
    killedBy: [
      "src/marmot/engine-hostile.test.ts",
      "Commits that their authors may not make a member who makes itself admin",
    ],
  },
  {
    name: "SelfRemoves may be mixed with other proposals",
    file: AUTHORIZATION,
    from: "proposals.length > 0 && proposals.every(isSelfRemove)",
    to: "proposals.some(isSelfRemove)",
    killedBy: [
      "src/marmot/authorization.test.ts",
      "Commits of members who are no admins (behaviour §4) a departure together with anything else is not theirs, but an admin's",
    ],
  },
  {
    name: "a self-update is privileged",
    file: AUTHORIZATION,
    from: "const selfUpdate = proposals.length === 0 && hasPath",
    to: "const selfUpdate = proposals.length > 0 && proposals.length < 0 && hasPath",
    killedBy: [
      "src/marmot/authorization.test.ts",
      "Commits of admins an admin's self-update is ordinary",
    ],
  },
  {
    name: "proposals by reference are not authorized",
    file: AUTHORIZATION,
    from: "if (byReference) authorizeProposal(parent, proposal, sender)",
    to: "if (byReference) checkType(proposal)",
    killedBy: [
      "src/marmot/authorization.test.ts",
      "standalone proposals such a departure spoils the Commit that takes it up",
    ],
  },
  {
    name: "an admin may leave without stepping down",
    file: AUTHORIZATION,
    from: 'if (isAdmin) throw refused("an admin leaves without stepping down")',
    to: "",
    killedBy: [
      "src/marmot/authorization.test.ts",
      "standalone proposals an admin steps down before leaving",
    ],
  },
  {
    name: "a member may propose what only an admin may",
    file: AUTHORIZATION,
    from: '} else if (!isAdmin) throw refused("a proposal that only an admin may make")',
    to: "}",
    killedBy: [
      "src/marmot/authorization.test.ts",
      "standalone proposals members propose nothing else, not even an Update of themselves",
    ],
  },
  {
    name: "someone who is removed with an admin judges otherwise than who stays",
    file: AUTHORIZATION,
    from: "  checkAdminsStay(parent, summary)\n}",
    to: "}",
    killedBy: [
      "src/marmot/authorization.test.ts",
      "Commits of admins whoever removes an admin's last leaf takes the key out of the policy",
    ],
  },
  {
    name: "the policy of a group that we join may name someone who is no member",
    file: "src/marmot/group-rules.ts",
    from: "if (admins.some((admin) => !present.has(admin))) {",
    to: "if (admins.every((admin) => !present.has(admin))) {",
    killedBy: [
      "src/marmot/join-group.test.ts",
      "a Welcome is refused into a group with an admin who is no member",
    ],
  },
  {
    name: "a group may be left without an admin",
    file: "src/marmot/components/admin-policy.ts",
    from: 'if (admins.length === 0) return "no admin"',
    to: "",
    killedBy: [
      "src/marmot/components/components.test.ts",
      "0x8003 admin policy (§6.4) refuses nobody",
    ],
  },
  {
    name: "the last admin may step down",
    file: "src/marmot/local-departure.ts",
    from: 'throw new IntentRefused("last_admin", "make someone else an admin before you leave")',
    to: "",
    killedBy: [
      "src/marmot/engine.test.ts",
      "what can't be done is refused with a reason, and nothing is published",
    ],
  },
  {
    name: "a disband need not remove everyone",
    file: AUTHORIZATION,
    from: "others.every((leaf) => removed.has(leaf.leafIndex))",
    to: "others.some((leaf) => removed.has(leaf.leafIndex))",
    killedBy: [
      "src/marmot/disband.test.ts",
      "disbanding (behaviour §5.3) with somebody left it is no edge",
    ],
  },
  {
    name: "the lifecycle may be changed by reference",
    file: AUTHORIZATION,
    from: 'if (lifecycleTarget(proposal) !== undefined) throw refused("a lifecycle change by reference")',
    to: "",
    killedBy: [
      "src/marmot/authorization.test.ts",
      "standalone proposals the lifecycle is changed inline only, and components are valid",
    ],
  },
  // What every state must satisfy (§2, §3).
  {
    name: "the proof of a leaf is not verified",
    file: "src/marmot/account-service.ts",
    from: "verifyIdentityProof(leafProof(leafNode), { account, signaturePublicKey, ciphersuite })",
    to: "void [verifyIdentityProof, leafProof, account, signaturePublicKey, ciphersuite]",
    killedBy: [
      "src/marmot/engine-hostile.test.ts",
      "Commits that their authors may not make a leaf with a new key and the old proof in a self-update",
    ],
  },
  {
    name: "the proof of a KeyPackage is not verified",
    file: "src/marmot/key-package-event.ts",
    from: "verifyIdentityProof(leafProof(leafNode), proven)",
    to: "void [verifyIdentityProof, leafProof, proven]",
    killedBy: [
      "src/marmot/key-package-event.test.ts",
      "the leaf (§3, §4) a broken proof is refused",
    ],
  },
  {
    name: "a leaf may change its account",
    file: "src/marmot/account-service.ts",
    from: "compareBytes(accountOf(current.credential), accountOf(next.credential)) === 0",
    to: "compareBytes(accountOf(current.credential), accountOf(next.credential)) < 99",
    killedBy: [
      "src/marmot/account-service.test.ts",
      "a leaf is succeeded by one of the same account, and of no other (marmot-wire §3.3)",
    ],
  },
  {
    name: "what is required need not be there",
    file: "src/marmot/group-rules.ts",
    from: "if (id !== componentIds.identityProof && !components.has(id)) {",
    to: "if (id === componentIds.identityProof && !required.includes(id)) {",
    killedBy: [
      "src/marmot/group-rules.test.ts",
      "a state that one is invited into (marmot-wire §4.3, behaviour §3) no lifecycle, though required",
    ],
  },
  {
    name: "admin policy and identity proof need not be required",
    file: "src/marmot/group-rules.ts",
    from: "if (!required.includes(id)) {",
    to: "if (required.length > 99) {",
    killedBy: [
      "src/marmot/group-rules.test.ts",
      "a state that one is invited into (marmot-wire §4.3, behaviour §3) no proof required",
    ],
  },
  {
    name: "members need not support what the group requires",
    file: "src/marmot/group-rules.ts",
    from: "if (!isCovered(missingRequirements(requirements, node))) {",
    to: "if (!isCovered(missingRequirements(requirements, node)) && node.signatureKey.length < 1) {",
    killedBy: [
      "src/marmot/group-rules.test.ts",
      "a state that one is invited into (marmot-wire §4.3, behaviour §3) an unknown requirement",
    ],
  },
  {
    name: "anybody may invite us",
    file: "src/marmot/join-group.ts",
    from: "if (!isActiveAdmin(state, signer)) {",
    to: "if (!isActiveAdmin(state, signer) && signer.length === 0) {",
    killedBy: [
      "src/marmot/join-group.test.ts",
      "a Welcome is refused by a member who is no admin of the resulting group",
    ],
  },
  {
    name: "a Welcome may be sent by someone else than its maker",
    file: "src/marmot/join-group.ts",
    from: "if (signer !== params.inviter) {",
    to: "if (signer.length !== params.inviter.length) {",
    killedBy: [
      "src/marmot/join-group.test.ts",
      "a Welcome is refused that was sealed by someone else than its maker",
    ],
  },
  {
    name: "a Welcome that is rejected uses up its KeyPackage",
    file: "src/client/inbox.ts",
    from: "    const joined = await world.engine.joinMarmotGroup(env, {",
    to: "    for (const { ref } of keyPackages.standing(draft)) keyPackages.consumed(draft, ref)\n    const joined = await world.engine.joinMarmotGroup(env, {",
    killedBy: [
      "test/unit/client-hostile.test.ts",
      "junk in the inbox is looked at once and leaves no trace",
    ],
  },
  // Media and what a group may have of it (marmot-wire §4.3, §10.2), and the lifecycle (§6.12).
  {
    name: "the frozen media component may stand in a group that does not require it",
    file: "src/marmot/group-rules.ts",
    from: "if (required.includes(frozen) || components.has(frozen)) {",
    to: "if (required.includes(frozen)) {",
    killedBy: [
      "src/marmot/group-rules.test.ts",
      "a state that one is invited into (marmot-wire §4.3, behaviour §3) the frozen media format, not required",
    ],
  },
  {
    name: "a malformed v1 attachment leaves its message",
    file: "src/marmot/receive.ts",
    from: "event: event && dropsMessage(event) ? undefined : event,",
    to: "event: event && dropsMessage(event) ? event : event,",
    killedBy: [
      "src/marmot/media-v1.test.ts",
      "a v1 attachment with no nonce takes its message with it",
    ],
  },
  {
    name: "the lifecycle is enabled beside other changes",
    file: AUTHORIZATION,
    from: "!proposals.every(enablesLifecycle)",
    to: "!proposals.some(enablesLifecycle)",
    killedBy: [
      "src/marmot/disband.test.ts",
      "disbanding (behaviour §5.3) a state that is there already is listed by itself, and with nothing else",
    ],
  },
  {
    name: "what the reading of stored history has passed is forgotten at once",
    file: "src/marmot/reading.ts",
    from: "if (reading === undefined || nodes.length === 0) return",
    to: "if (reading === undefined || nodes.length >= 0) return",
    killedBy: [
      "src/marmot/reading.test.ts",
      "a message that is dated later than many Commits that followed it is shown once, read in steps of 7 events",
    ],
  },
  {
    name: "what the reading of stored history has passed stays for ever",
    file: "src/marmot/reading.ts",
    from: "if (left <= 0 || left > READING_PAUSE_MS) forgetReading(t)",
    to: "if (left > READING_PAUSE_MS) forgetReading(t)",
    killedBy: [
      "src/marmot/reading.test.ts",
      "states that stored history has passed go, overwritten, once no more stored history comes",
    ],
  },
  {
    name: "a Commit is tried on a state that the reading of stored history has passed",
    file: "src/marmot/receive.ts",
    from: "if (!isApplication || wireFormat !== wireFormats.privateMessage) return BeyondAnchor",
    to: "if (isApplication && wireFormat !== wireFormats.privateMessage) return BeyondAnchor",
    killedBy: [
      "src/marmot/reading.test.ts",
      "states that stored history has passed serve to open messages alone: a Commit on one of them is stale",
    ],
  },
]
