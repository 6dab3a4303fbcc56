// Marmot wire §3: a device's first record: its MLS signature key, and the account's proof for it, signed once.

import { identityProofFrom, identityProofTemplate } from "../marmot/identity-proof.ts"
import type { MlsCrypto } from "../mls/index.ts"
import { bytesToHex } from "../nostr/event.ts"
import { relayUrlFromInput } from "../nostr/relay-url.ts"
import type { Signer } from "../nostr/signer.ts"
import { deviceRecord } from "./account.ts"
import type { AccountRecord } from "./account.ts"
import { ClientError } from "./api.ts"

export interface NewAccount {
  readonly crypto: MlsCrypto
  readonly signer: Signer
  readonly random: (length: number) => Uint8Array
  /** Milliseconds. */
  readonly now: number
  /** False for a key that was made here, now. */
  readonly keySaved: boolean
  readonly relays: readonly string[]
  readonly name: string | undefined
  /** 32 bytes, of an account whose key is kept here. */
  readonly secretKey: Uint8Array | undefined
}

/** Throws `SignerError`, `RelayError` for a bad relay URL, and `ClientError` where there is no relay. */
export async function newAccount(params: NewAccount): Promise<AccountRecord> {
  const { crypto, signer, secretKey } = params
  const relays = [...new Set(params.relays.map(relayUrlFromInput))]
  if (relays.length === 0) throw new ClientError("invalid_input", "At least one relay is needed.")
  const pubkey = await signer.publicKey()
  const signatureKeyPair = await crypto.generateSignatureKeyPair()
  const createdAt = Math.floor(params.now / 1000)
  const signaturePublicKey = signatureKeyPair.publicKey
  const template = identityProofTemplate(
    { ciphersuite: crypto.suite.id, signaturePublicKey },
    createdAt,
  )
  const identityProof = identityProofFrom(template, await signer.signEvent(template), pubkey)
  const name = params.name?.trim()
  return {
    pubkey,
    signer: signer.kind,
    ...(secretKey === undefined ? {} : { secretKey: bytesToHex(secretKey) }),
    keySaved: params.keySaved,
    ...(params.keySaved ? {} : { madeHere: true }),
    ...(name === undefined || name === "" ? {} : { name }),
    relays,
    slot: bytesToHex(params.random(32)),
    device: deviceRecord({ pubkey, signatureKeyPair, identityProof }),
    createdAt,
  }
}
