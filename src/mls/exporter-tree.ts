// draft-ietf-mls-extensions-10 §4.4: the Exporter Tree, one secret for each component and epoch, each given out once.

import { type Decoder, type Encoder } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { takeLeafSecret } from "./secret-tree.ts"
import { type NodeIndex, leafIndex, leafToNode, nodeIndex, nodeWidth, root } from "./tree-math.ts"

/** "an Exporter Tree always has 2^16 leaves": one for each ComponentID. */
const LEAVES = 2 ** 16

/**
 * A value: exporting a secret gives its successor, from which that secret can't be had any more (§9.2 of RFC 9420).
 * Holds the secrets of the largest subtrees of which nothing was exported.
 */
export interface ExporterTree {
  readonly subtrees: ReadonlyMap<NodeIndex, Uint8Array>
}

/** The tree of an epoch; its root is that epoch's `application_export_secret`. */
export function createExporterTree(applicationExportSecret: Uint8Array): ExporterTree {
  return { subtrees: new Map([[root(LEAVES), applicationExportSecret]]) }
}

/**
 * The secret of a component, `KDF.Nh` bytes, and the tree without it. Throws `MlsError` `component_secret_used` if it was
 * exported before, `invalid_index` for an id that is no uint16.
 */
export function exportFromTree(
  crypto: MlsCrypto,
  tree: ExporterTree,
  componentId: number,
): { readonly secret: Uint8Array; readonly tree: ExporterTree } {
  if (!Number.isInteger(componentId) || componentId < 0 || componentId >= LEAVES) {
    throw new MlsError("invalid_index", `component ${componentId}`)
  }
  const leaf = leafToNode(leafIndex(componentId))
  const { secret, subtrees } = takeLeafSecret(crypto, tree.subtrees, leaf, LEAVES)
  // "MUST regard that component's exported secret as 'consumed'".
  if (secret === undefined) {
    throw new MlsError(
      "component_secret_used",
      `the secret of component ${componentId} was exported`,
    )
  }
  // An older tree may still hold it: what the caller was given is its own, to overwrite.
  return { secret: secret.slice(), tree: { subtrees } }
}

/** The stored form, nodes in ascending order. Secret. */
export const encodeExporterTree: Encoder<ExporterTree> = (writer, value) => {
  const ascending = [...value.subtrees].sort(([a], [b]) => a - b)
  writer.vector(ascending, (w, [node, secret]) => {
    w.u32(node)
    w.opaque(secret)
  })
}

/** Throws `MlsError` `decode`. */
export const decodeExporterTree: Decoder<ExporterTree> = (reader) => {
  let before = -1
  const subtrees = reader.vector((r) => {
    const node = r.u32()
    if (node >= nodeWidth(LEAVES)) throw new MlsError("decode", `no node ${node} in the tree`)
    if (node <= before) throw new MlsError("decode", "stored exporter secrets do not ascend")
    before = node
    return [nodeIndex(node), r.opaque()] as const
  })
  return { subtrees: new Map(subtrees) }
}
