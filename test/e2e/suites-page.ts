// The page of `suites.test.ts`: a suite's cryptography in a browser. Bytes come and go as hexadecimal.

import { createCrypto } from "../../src/mls/backend.ts"
import { bytesToHex, hexToBytes } from "../../src/mls/bytes.ts"
import type { MlsCrypto } from "../../src/mls/crypto.ts"
import { cipherSuite } from "../../src/mls/suites.ts"

export interface SuitesPage {
  /** Decides for a suite and a back end; says which one it has become. */
  use(id: number, backend: "webcrypto" | "noble"): Promise<string>
  verify(
    label: string,
    content: string,
    signed: readonly { readonly publicKey: string; readonly signature: string }[],
  ): Promise<boolean[]>
  /** Of public keys: whether they are both declared usable and used. */
  usable(publicKeys: readonly string[]): Promise<boolean[]>
  sign(privateKey: string, label: string, content: string): Promise<string>
  signatureKey(): Promise<{ publicKey: string; privateKey: string }>
  kemKey(ikm: string): Promise<{ publicKey: string; privateKey: string }>
  seal(publicKey: string, plaintext: string): Promise<{ kemOutput: string; ciphertext: string }>
  open(privateKey: string, kemOutput: string, ciphertext: string): Promise<string>
}

const EMPTY = new Uint8Array()
const LABEL = "sealed"
let crypto: MlsCrypto | undefined

function used(): MlsCrypto {
  if (crypto === undefined) throw new Error("no suite was chosen")
  return crypto
}

const asHex = ({ publicKey, privateKey }: { publicKey: Uint8Array; privateKey: Uint8Array }) => ({
  publicKey: bytesToHex(publicKey),
  privateKey: bytesToHex(privateKey),
})

const page: SuitesPage = {
  async use(id, backend) {
    crypto = await createCrypto({ suite: cipherSuite(id), backend })
    return crypto.backend
  },
  verify: (label, content, signed) =>
    used().verifyAll(
      signed.map(({ publicKey, signature }) => ({
        label,
        content: hexToBytes(content),
        publicKey: hexToBytes(publicKey),
        signature: hexToBytes(signature),
      })),
    ),
  usable: (publicKeys) => Promise.all(publicKeys.map((key) => isUsable(hexToBytes(key)))),
  sign: async (privateKey, label, content) =>
    bytesToHex(await used().sign(hexToBytes(privateKey), label, hexToBytes(content))),
  signatureKey: async () => asHex(await used().generateSignatureKeyPair()),
  kemKey: async (ikm) => asHex(await used().deriveKemKeyPair(hexToBytes(ikm))),
  async seal(publicKey, plaintext) {
    const key = hexToBytes(publicKey)
    const sealed = await used().encryptWithLabel(key, LABEL, EMPTY, hexToBytes(plaintext))
    return {
      kemOutput: bytesToHex(sealed.kemOutput),
      ciphertext: bytesToHex(sealed.ciphertext),
    }
  },
  async open(privateKey, kemOutput, ciphertext) {
    const sealed = { kemOutput: hexToBytes(kemOutput), ciphertext: hexToBytes(ciphertext) }
    return bytesToHex(await used().decryptWithLabel(hexToBytes(privateKey), LABEL, EMPTY, sealed))
  },
}

/** Throws if a key is declared usable and is not, or the other way round. */
async function isUsable(publicKey: Uint8Array): Promise<boolean> {
  const isDeclared = await succeeds(() => {
    used().validateKemPublicKey(publicKey)
  })
  const isUsed = await succeeds(() => used().encryptWithLabel(publicKey, LABEL, EMPTY, EMPTY))
  if (isDeclared !== isUsed) throw new Error(`${bytesToHex(publicKey)}: declared ${isDeclared}`)
  return isUsed
}

async function succeeds(run: () => unknown): Promise<boolean> {
  try {
    await run()
    return true
  } catch {
    return false
  }
}

Object.assign(globalThis, { suitesPage: page })
