// RFC 9420 §9: the secret tree and its ratchets; keys are derived when asked for and forgotten when used.

import { type Decoder, type Encoder, decodeCopied, encode } from "./codec.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import { labels } from "./registry.ts"
import {
  type LeafIndex,
  type NodeIndex,
  directPath,
  leafIndex,
  leafToNode,
  left,
  nodeIndex,
  nodeWidth,
  right,
  root,
} from "./tree-math.ts"

export type RatchetKind = "handshake" | "application"

/** What a caller was given is its own: it may overwrite the bytes, no state shares them. */
export interface MessageKey {
  readonly generation: number
  readonly key: Uint8Array
  readonly nonce: Uint8Array
}

interface Ratchet {
  readonly secret: Uint8Array
  /** Of the next key to be derived. */
  readonly generation: number
  /** Keys that were passed over, by generation, oldest first. */
  readonly skipped: ReadonlyMap<number, MessageKey>
}

type LeafRatchets = Readonly<Record<RatchetKind, Ratchet>>

/** Message keys of one epoch. A value: taking a key gives its successor, in which that key no longer exists. */
export interface SecretTree {
  /** A power of two. */
  readonly leafCount: number
  /** Secrets of subtrees of which no leaf was asked for yet. */
  readonly subtrees: ReadonlyMap<NodeIndex, Uint8Array>
  readonly ratchets: ReadonlyMap<LeafIndex, LeafRatchets>
}

export interface RatchetLimits {
  /** Keys kept for messages that come late, per sender and kind. */
  readonly outOfOrder: number
  /** Generations that one message may skip. */
  readonly forward: number
}

export const defaultRatchetLimits: RatchetLimits = { outOfOrder: 100, forward: 1000 }

/** `leafCount`: leaves of the ratchet tree, a power of two. */
export function createSecretTree(encryptionSecret: Uint8Array, leafCount: number): SecretTree {
  return {
    leafCount,
    subtrees: new Map([[root(leafCount), encryptionSecret]]),
    ratchets: new Map(),
  }
}

/** The next key for sending. */
export function nextMessageKey(
  crypto: MlsCrypto,
  tree: SecretTree,
  leaf: LeafIndex,
  kind: RatchetKind,
): { readonly key: MessageKey; readonly tree: SecretTree } {
  const opened = openLeaf(crypto, tree, leaf)
  const { key, ratchet } = advance(crypto, opened.ratchets[kind])
  return { key, tree: withRatchet(opened.tree, leaf, kind, ratchet) }
}

/**
 * The key of a received generation. Throws `MlsError` `message_key_used` for one that was used or given up, and
 * `generation_too_far` for one that would skip more than `limits.forward`.
 */
export function messageKey(
  crypto: MlsCrypto,
  tree: SecretTree,
  leaf: LeafIndex,
  kind: RatchetKind,
  generation: number,
  limits: RatchetLimits = defaultRatchetLimits,
): { readonly key: MessageKey; readonly tree: SecretTree } {
  const opened = openLeaf(crypto, tree, leaf)
  let ratchet: Ratchet = opened.ratchets[kind]
  if (generation < ratchet.generation) {
    const key = ratchet.skipped.get(generation)
    if (key === undefined) {
      throw new MlsError("message_key_used", "the message's key was used or given up", "9.2")
    }
    const skipped = new Map(ratchet.skipped)
    skipped.delete(generation)
    return { key: copied(key), tree: withRatchet(opened.tree, leaf, kind, { ...ratchet, skipped }) }
  }
  if (generation - ratchet.generation > limits.forward) {
    throw new MlsError("generation_too_far", "the message skips too many generations", "9.2")
  }
  const skipped = new Map(ratchet.skipped)
  while (ratchet.generation < generation) {
    const passed = advance(crypto, ratchet)
    skipped.set(passed.key.generation, passed.key)
    ratchet = passed.ratchet
  }
  const { key, ratchet: next } = advance(crypto, ratchet)
  for (const oldest of skipped.keys()) {
    if (skipped.size <= limits.outOfOrder) break
    skipped.delete(oldest)
  }
  return { key, tree: withRatchet(opened.tree, leaf, kind, { ...next, skipped }) }
}

const [LEFT, RIGHT] = [new TextEncoder().encode("left"), new TextEncoder().encode("right")]

/**
 * The secret of the leaf at `node`, `KDF.Nh` bytes, and the subtrees' secrets without it: what leads to it is derived, and
 * secrets above it go as their children appear (§9, §9.2). `undefined`: it was taken before.
 */
export function takeLeafSecret(
  crypto: MlsCrypto,
  before: ReadonlyMap<NodeIndex, Uint8Array>,
  node: NodeIndex,
  leafCount: number,
): { readonly secret: Uint8Array | undefined; readonly subtrees: Map<NodeIndex, Uint8Array> } {
  const subtrees = new Map(before)
  const size = crypto.suite.hash.size
  for (const above of [...directPath(node, leafCount)].reverse()) {
    const secret = subtrees.get(above)
    if (secret === undefined) continue
    const child = (side: Uint8Array) => crypto.expandWithLabel(secret, labels.tree, side, size)
    subtrees.set(left(above), child(LEFT))
    subtrees.set(right(above), child(RIGHT))
    subtrees.delete(above)
  }
  const secret = subtrees.get(node)
  subtrees.delete(node)
  return { secret, subtrees }
}

/** The ratchets of a leaf, opened if they were not. */
function openLeaf(
  crypto: MlsCrypto,
  tree: SecretTree,
  leaf: LeafIndex,
): { readonly ratchets: LeafRatchets; readonly tree: SecretTree } {
  const known = tree.ratchets.get(leaf)
  if (known !== undefined) return { ratchets: known, tree }
  if (leaf >= tree.leafCount) throw new MlsError("invalid_index", `no leaf ${leaf}`, "9")
  const node = leafToNode(leaf)
  const { secret, subtrees } = takeLeafSecret(crypto, tree.subtrees, node, tree.leafCount)
  if (secret === undefined) throw new MlsError("internal", "a leaf's secret is missing", "9")
  const size = crypto.suite.hash.size
  const ratchet = (label: string): Ratchet => ({
    secret: crypto.expandWithLabel(secret, label, new Uint8Array(), size),
    generation: 0,
    skipped: new Map(),
  })
  const ratchets = {
    handshake: ratchet(labels.handshake),
    application: ratchet(labels.application),
  }
  return {
    ratchets,
    tree: { ...tree, subtrees, ratchets: new Map(tree.ratchets).set(leaf, ratchets) },
  }
}

function advance(crypto: MlsCrypto, ratchet: Ratchet): { key: MessageKey; ratchet: Ratchet } {
  const { secret, generation } = ratchet
  if (generation >= 0xffffffff) {
    throw new MlsError("generation_too_far", "the ratchet has come to its end", "9.1")
  }
  const { keySize, nonceSize } = crypto.suite.aead
  const derive = (label: string, size: number) =>
    crypto.deriveTreeSecret(secret, label, generation, size)
  return {
    key: { generation, key: derive(labels.key, keySize), nonce: derive(labels.nonce, nonceSize) },
    ratchet: {
      ...ratchet,
      secret: derive(labels.secret, crypto.suite.hash.size),
      generation: generation + 1,
    },
  }
}

/** An older state may still hold the key that it kept for a late message. */
function copied({ generation, key, nonce }: MessageKey): MessageKey {
  return { generation, key: key.slice(), nonce: nonce.slice() }
}

function withRatchet(
  tree: SecretTree,
  leaf: LeafIndex,
  kind: RatchetKind,
  ratchet: Ratchet,
): SecretTree {
  const before = tree.ratchets.get(leaf)
  if (before === undefined) throw new MlsError("internal", "a leaf without ratchets")
  const ratchets = new Map(tree.ratchets).set(leaf, { ...before, [kind]: ratchet })
  return { ...tree, ratchets }
}

/** First byte of an encoded SecretTree. */
const FORMAT = 1
/** More than any ratchet tree has; every node index stays within 32 bits. */
const MAX_LEAVES = 2 ** 29

const encodeKey: Encoder<MessageKey> = (writer, value) => {
  writer.u32(value.generation)
  writer.opaque(value.key)
  writer.opaque(value.nonce)
}

const decodeKey: Decoder<MessageKey> = (reader) => ({
  generation: reader.u32(),
  key: reader.opaque(),
  nonce: reader.opaque(),
})

const encodeRatchet: Encoder<Ratchet> = (writer, value) => {
  writer.opaque(value.secret)
  writer.u32(value.generation)
  writer.vector(value.skipped.values(), encodeKey)
}

const decodeRatchet: Decoder<Ratchet> = (reader) => ({
  secret: reader.opaque(),
  generation: reader.u32(),
  skipped: new Map(reader.vector(decodeKey).map((key) => [key.generation, key])),
})

const encodeTree: Encoder<SecretTree> = (writer, value) => {
  writer.u8(FORMAT)
  writer.u32(value.leafCount)
  writer.vector(value.subtrees, (w, [node, secret]) => {
    w.u32(node)
    w.opaque(secret)
  })
  writer.vector(value.ratchets, (w, [leaf, ratchets]) => {
    w.u32(leaf)
    encodeRatchet(w, ratchets.handshake)
    encodeRatchet(w, ratchets.application)
  })
}

const decodeTree: Decoder<SecretTree> = (reader) => {
  const format = reader.u8()
  if (format !== FORMAT) throw new MlsError("unsupported", `stored secret tree format ${format}`)
  const leafCount = reader.u32()
  // The arithmetic of trees ends only for a power of two.
  if (leafCount === 0 || leafCount > MAX_LEAVES || (leafCount & (leafCount - 1)) !== 0) {
    throw new MlsError("decode", `a stored secret tree of ${leafCount} leaves`)
  }
  const below = (index: number, limit: number): number => {
    if (index >= limit) throw new MlsError("decode", `a stored secret tree without node ${index}`)
    return index
  }
  const width = nodeWidth(leafCount)
  return {
    leafCount,
    subtrees: new Map(
      reader.vector((r) => [nodeIndex(below(r.u32(), width)), r.opaque()] as const),
    ),
    ratchets: new Map(
      reader.vector((r) => {
        const leaf = leafIndex(below(r.u32(), leafCount))
        return [leaf, { handshake: decodeRatchet(r), application: decodeRatchet(r) }] as const
      }),
    ),
  }
}

/** The stored form. Secret. */
export function encodeSecretTree(tree: SecretTree): Uint8Array {
  return encode(encodeTree, tree)
}

/** Throws `MlsError` `decode`, or `unsupported` for a format that this build does not know. */
export function decodeSecretTree(bytes: Uint8Array): SecretTree {
  return decodeCopied(decodeTree, bytes)
}
