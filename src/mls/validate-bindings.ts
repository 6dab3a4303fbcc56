// draft-ietf-mls-extensions-10 §6.5: every member supports what the group's multi-credentials bind.

import { MlsError } from "./error.ts"
import { type Demand, readDemand } from "./multi-credential.ts"
import { type TreeIndex, readProfile, supportString } from "./tree-index.ts"
import { type RatchetTree, memberCount } from "./tree.ts"

/** Demands, or capabilities, that are looked at at a time. */
const PART = 64

type Binding = Demand["bindings"][number]
type Profile = ReturnType<typeof readProfile>

/**
 * By the members' capabilities: of a "multi", all members support the cipher suite and credential type of every binding;
 * of a "weak-multi", each member those of at least one. The cost goes with the number of different demands and, where no
 * binding of a "weak-multi" is supported by all, of different capabilities. Yields now and then.
 * Throws `MlsError` `credential_binding_unsupported`.
 */
export function* bindingChecks(tree: RatchetTree): Generator<undefined> {
  const { index } = tree
  const members = memberCount(tree)
  const byAll = ({ cipherSuite, type }: Binding): boolean =>
    index.supported.count(supportString("cipherSuites", cipherSuite)) === members &&
    index.supported.count(supportString("credentials", type)) === members
  // Read when they are asked for, and once: every member may have capabilities, and bind, as nobody else does.
  let profiles: readonly Profile[] | undefined
  let looked = 0
  for (const demand of index.demands.keys()) {
    if (++looked % PART === 0) yield
    const { kind, bindings } = readDemand(demand)
    let holds = kind === "multi" ? bindings.every(byAll) : bindings.some(byAll)
    if (!holds && kind === "weak-multi") {
      profiles ??= yield* readProfiles(index)
      holds = yield* oneForEach(profiles, bindings)
    }
    if (holds) continue
    const message = `not all members support what a credential of type "${kind}" binds`
    throw new MlsError("credential_binding_unsupported", message)
  }
}

/** Whether each member supports one of the bindings, each maybe another. */
function* oneForEach(
  profiles: readonly Profile[],
  bindings: readonly Binding[],
): Generator<undefined, boolean> {
  let looked = 0
  for (const { cipherSuites, credentials } of profiles) {
    if (++looked % PART === 0) yield
    const supports = bindings.some(
      ({ cipherSuite, type }) => cipherSuites.has(cipherSuite) && credentials.has(type),
    )
    if (!supports) return false
  }
  return true
}

function* readProfiles({ profiles }: TreeIndex): Generator<undefined, readonly Profile[]> {
  const read: Profile[] = []
  for (const profile of profiles.keys()) {
    read.push(readProfile(profile))
    if (read.length % PART === 0) yield
  }
  return read
}
