// RFC 9420 §10.1: key package validation.

import { appDataDictionary } from "./app-data.ts"
import { inBatches, inTurns } from "./batches.ts"
import { equalBytes } from "./bytes.ts"
import type { MlsCrypto } from "./crypto.ts"
import { MlsError } from "./error.ts"
import type { Extension } from "./extensions.ts"
import { type KeyPackage, keyPackageSignature } from "./key-package.ts"
import { leafNodeSignature } from "./leaf-node.ts"
import { protocolVersions } from "./registry.ts"
import { validateLeafNode } from "./validate-leaf.ts"

/** Key packages whose signatures are verified at the same time. */
const BATCH = 64
/** Key packages that are checked for all else at a time. */
const PART = 512

/** What a KeyPackage is judged by, beside itself. */
export interface KeyPackageChecks {
  /** Extensions of the GroupContext; absent outside a group. */
  readonly groupExtensions?: readonly Extension[]
  /** Seconds since 1970. Without it the lifetime is not checked. */
  readonly now?: number
  /** In seconds (§7.2). Default: any lifetime. */
  readonly maxLifetime?: number | undefined
}

/**
 * Every rule of §10.1 for a group of MLS 1.0 and the suite of `crypto`. Throws `MlsError`
 * `key_package_version`, `key_package_suite`, `key_package_init_key`, `key_package_signature`, or the code of
 * a rule for its leaf; `decode` or `app_data_order` for a dictionary.
 */
export async function validateKeyPackage(
  crypto: MlsCrypto,
  keyPackage: KeyPackage,
  checks: KeyPackageChecks = {},
): Promise<void> {
  await validateKeyPackages(crypto, [keyPackage], checks)
}

type WrongSignature = "leaf_signature_invalid" | "key_package_signature"

/** Of key packages whose signatures were verified: the code of the first that is wrong, or `undefined`. */
export type KnownSignatures = Map<KeyPackage, WrongSignature | undefined>

/**
 * The same for many, with their signatures verified at once. What is in `known` is not verified again, what was not is put
 * there.
 */
export async function validateKeyPackages(
  crypto: MlsCrypto,
  keyPackages: readonly KeyPackage[],
  checks: KeyPackageChecks = {},
  known?: KnownSignatures,
): Promise<void> {
  await inTurns(checkAll(crypto, keyPackages, checks))
  const fresh = keyPackages.filter((keyPackage) => known?.has(keyPackage) !== true)
  const valid = await inBatches(fresh, BATCH, (batch) =>
    crypto.verifyAll(
      batch.flatMap((keyPackage) => [
        leafNodeSignature(keyPackage.leafNode),
        keyPackageSignature(keyPackage),
      ]),
    ),
  )
  const found = known ?? new Map<KeyPackage, WrongSignature | undefined>()
  fresh.forEach((keyPackage, i) => {
    // §10.1: the signatures of the leaf and of the key package are valid.
    if (valid[2 * i] !== true) found.set(keyPackage, "leaf_signature_invalid")
    else if (valid[2 * i + 1] !== true) found.set(keyPackage, "key_package_signature")
    else known?.set(keyPackage, undefined)
  })
  for (const keyPackage of found.size > 0 ? keyPackages : []) {
    const code = found.get(keyPackage)
    if (code === "leaf_signature_invalid") {
      throw new MlsError(code, "a leaf's signature is wrong", "7.3")
    }
    if (code !== undefined) throw new MlsError(code, "a key package's signature is wrong", "10.1")
  }
}

function* checkAll(
  crypto: MlsCrypto,
  keyPackages: readonly KeyPackage[],
  checks: KeyPackageChecks,
): Generator<undefined> {
  for (const [i, keyPackage] of keyPackages.entries()) {
    if (i > 0 && i % PART === 0) yield
    checkKeyPackage(crypto, keyPackage, checks)
  }
}

function checkKeyPackage(
  crypto: MlsCrypto,
  keyPackage: KeyPackage,
  checks: KeyPackageChecks,
): void {
  const { version, cipherSuite, initKey, leafNode } = keyPackage
  // §10.1: version and cipher suite match those of the group.
  if (version !== protocolVersions.mls10) {
    throw new MlsError("key_package_version", `protocol version ${version}`, "10.1")
  }
  if (cipherSuite !== crypto.suite.id) {
    throw new MlsError("key_package_suite", `cipher suite ${cipherSuite}`, "10.1")
  }
  // §10.1: the leaf is valid for a KeyPackage.
  validateLeafNode(crypto, leafNode, { ...checks, source: "key_package" })
  // Draft §4.6: as in the leaf.
  appDataDictionary(keyPackage.extensions)
  // §10.1: leaf_node.encryption_key is different from init_key.
  if (equalBytes(initKey, leafNode.encryptionKey)) {
    throw new MlsError("key_package_init_key", "init_key is the leaf's encryption key", "10.1")
  }
  // A key to which no Welcome can be sealed.
  crypto.validateKemPublicKey(initKey)
}
