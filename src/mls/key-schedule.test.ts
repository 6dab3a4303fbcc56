import { describe, expect, test } from "vitest"
import { withShared } from "../../test/shared.ts"
import { encode } from "./codec.ts"
import { mlsExporter } from "./exporter.ts"
import {
  type GroupContext,
  deriveEpochSecrets,
  encodeGroupContext,
  joinerSecret,
  welcomeSecret,
} from "./key-schedule.ts"
import { bytes, hex, implemented, vectorBackEnds, vectorCrypto } from "./vectors.fixture.ts"

interface EpochVector {
  readonly tree_hash: string
  readonly commit_secret: string
  readonly psk_secret: string
  readonly confirmed_transcript_hash: string
  readonly group_context: string
  readonly joiner_secret: string
  readonly welcome_secret: string
  readonly init_secret: string
  readonly sender_data_secret: string
  readonly encryption_secret: string
  readonly exporter_secret: string
  readonly epoch_authenticator: string
  readonly external_secret: string
  readonly external_pub: string
  readonly confirmation_key: string
  readonly membership_key: string
  readonly resumption_psk: string
  readonly exporter: {
    readonly label: string
    readonly context: string
    readonly length: number
    readonly secret: string
  }
}

interface KeyScheduleVector {
  readonly cipher_suite: number
  readonly group_id: string
  readonly initial_init_secret: string
  readonly epochs: readonly EpochVector[]
}

withShared<KeyScheduleVector[]>("vectors/mls/key-schedule.json", (vectors) => {
  describe.each(vectorBackEnds)("key-schedule on %s", (backend) => {
    test.each(implemented(vectors))("suite $cipher_suite", async (vector) => {
      const crypto = await vectorCrypto(vector, backend)
      let initSecret = bytes(vector.initial_init_secret)
      for (const [epoch, expected] of vector.epochs.entries()) {
        const groupContext: GroupContext = {
          version: 1,
          cipherSuite: vector.cipher_suite,
          groupId: bytes(vector.group_id),
          epoch: BigInt(epoch),
          treeHash: bytes(expected.tree_hash),
          confirmedTranscriptHash: bytes(expected.confirmed_transcript_hash),
          extensions: [],
        }
        expect(hex(encode(encodeGroupContext, groupContext))).toBe(expected.group_context)
        const joiner = joinerSecret(crypto, {
          initSecret,
          commitSecret: bytes(expected.commit_secret),
          groupContext,
        })
        const input = { joinerSecret: joiner, pskSecret: bytes(expected.psk_secret), groupContext }
        const secrets = deriveEpochSecrets(crypto, input)
        const external = await crypto.deriveKemKeyPair(secrets.externalSecret)
        const { label, context, length } = expected.exporter
        expect({
          joiner_secret: hex(joiner),
          welcome_secret: hex(welcomeSecret(crypto, input)),
          init_secret: hex(secrets.initSecret),
          sender_data_secret: hex(secrets.senderDataSecret),
          encryption_secret: hex(secrets.encryptionSecret),
          exporter_secret: hex(secrets.exporterSecret),
          epoch_authenticator: hex(secrets.epochAuthenticator),
          external_secret: hex(secrets.externalSecret),
          external_pub: hex(external.publicKey),
          confirmation_key: hex(secrets.confirmationKey),
          membership_key: hex(secrets.membershipKey),
          resumption_psk: hex(secrets.resumptionPsk),
          exporter: hex(mlsExporter(crypto, secrets.exporterSecret, label, bytes(context), length)),
        }).toEqual({
          joiner_secret: expected.joiner_secret,
          welcome_secret: expected.welcome_secret,
          init_secret: expected.init_secret,
          sender_data_secret: expected.sender_data_secret,
          encryption_secret: expected.encryption_secret,
          exporter_secret: expected.exporter_secret,
          epoch_authenticator: expected.epoch_authenticator,
          external_secret: expected.external_secret,
          external_pub: expected.external_pub,
          confirmation_key: expected.confirmation_key,
          membership_key: expected.membership_key,
          resumption_psk: expected.resumption_psk,
          exporter: expected.exporter.secret,
        })
        initSecret = secrets.initSecret
      }
    })
  })
})
