// A member of a benchmark's group: the engine alone, without store, relays or clock.

import type { MlsCrypto, OwnKeyPackage } from "../../src/mls/index.ts"
import { createMarmotGroup } from "../../src/marmot/create-group.ts"
import { apply } from "../../src/marmot/engine.ts"
import type {
  DeviceIdentity,
  Effect,
  EngineEnv,
  GroupInput,
  Intent,
  Invitee,
  MarmotGroup,
} from "../../src/marmot/engine-types.ts"
import { identityProofFrom, identityProofTemplate } from "../../src/marmot/identity-proof.ts"
import { joinMarmotGroup } from "../../src/marmot/join-group.ts"
import {
  checkKeyPackageEvent,
  generateOwnKeyPackage,
  keyPackageTemplate,
} from "../../src/marmot/key-package-event.ts"
import {
  bytesToHex,
  finalizeEvent,
  generateSecretKey,
  type NostrEvent,
  publicKeyOf,
  type Rumor,
} from "../../src/nostr/event.ts"

type Wish = Intent extends infer I ? (I extends unknown ? Omit<I, "intentId"> : never) : never
export type WelcomeEffect = Effect & { readonly type: "welcome" }

/** Milliseconds; the benchmark turns it. */
export interface BenchClock {
  now: number
}

export class Peer {
  readonly device: DeviceIdentity
  readonly secretKey: Uint8Array
  readonly #crypto: MlsCrypto
  readonly #clock: BenchClock
  readonly #keyPackages: OwnKeyPackage[] = []
  #group: MarmotGroup | undefined
  #wishes = 0

  private constructor(
    crypto: MlsCrypto,
    clock: BenchClock,
    device: DeviceIdentity,
    secretKey: Uint8Array,
  ) {
    this.#crypto = crypto
    this.#clock = clock
    this.device = device
    this.secretKey = secretKey
  }

  static async make(crypto: MlsCrypto, clock: BenchClock): Promise<Peer> {
    const secretKey = generateSecretKey()
    const signatureKeyPair = await crypto.generateSignatureKeyPair()
    const pubkey = publicKeyOf(secretKey)
    const key = { ciphersuite: 1, signaturePublicKey: signatureKeyPair.publicKey }
    const template = identityProofTemplate(key, Math.floor(clock.now / 1000))
    const identityProof = identityProofFrom(template, finalizeEvent(template, secretKey), pubkey)
    return new Peer(crypto, clock, { pubkey, signatureKeyPair, identityProof }, secretKey)
  }

  get group(): MarmotGroup {
    if (this.#group === undefined) throw new Error("not in a group")
    return this.#group
  }

  get env(): EngineEnv {
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
    return { crypto: this.#crypto, now: this.#clock.now, random }
  }

  async invitee(): Promise<Invitee> {
    const { now } = this.#clock
    const own = await generateOwnKeyPackage(this.#crypto, { device: this.device, now })
    this.#keyPackages.push(own)
    const slot = bytesToHex(crypto.getRandomValues(new Uint8Array(32)))
    const template = keyPackageTemplate(this.#crypto, own, {
      slot,
      createdAt: Math.floor(now / 1000),
    })
    const event = finalizeEvent(template, this.secretKey)
    return (await checkKeyPackageEvent(this.#crypto, event, now)).invitee
  }

  /** The Welcomes of the founding. */
  async found(params: {
    readonly invitees: readonly Invitee[]
    readonly admins: readonly string[]
    readonly relays: readonly string[]
  }): Promise<readonly WelcomeEffect[]> {
    const named = { name: "Benchmark", description: "" }
    const step = await createMarmotGroup(this.env, { device: this.device, ...named, ...params })
    this.#group = step.group
    return step.effects.filter((effect) => effect.type === "welcome")
  }

  async join(inviter: Peer, { welcome }: WelcomeEffect): Promise<void> {
    const joined = await joinMarmotGroup(this.env, {
      device: this.device,
      welcome,
      keyPackages: this.#keyPackages,
      inviter: inviter.device.pubkey,
    })
    this.#group = joined.group
  }

  async step(input: GroupInput): Promise<readonly Effect[]> {
    const { group, effects } = await apply(this.group, input, this.env)
    this.#group = group
    return effects
  }

  /** A wish that is met at once: the event to publish, and nothing acknowledged yet. */
  async want(wish: Wish): Promise<NostrEvent> {
    const intent = { ...wish, intentId: `wish-${this.#wishes++}` } as Intent
    const effects = await this.step({ type: "intent", intent })
    const published = effects.find((effect) => effect.type === "publish")
    if (published !== undefined) return published.event
    throw new Error(`nothing was published: ${JSON.stringify(effects)}`)
  }

  async accepted(event: NostrEvent): Promise<readonly Effect[]> {
    return this.step({ type: "published", eventId: event.id, outcome: "accepted" })
  }

  /** A message, sent and acknowledged. */
  async say(rumor: Rumor): Promise<NostrEvent> {
    const event = await this.want({ type: "send", event: rumor })
    await this.accepted(event)
    return event
  }

  async receive(event: NostrEvent): Promise<readonly Effect[]> {
    return this.step({ type: "event", event })
  }
}

/** People whose KeyPackages are there, made side by side. */
export async function crowd(
  crypto: MlsCrypto,
  clock: BenchClock,
  size: number,
): Promise<readonly Peer[]> {
  const people: Peer[] = []
  for (let i = 0; i < size; i++) people.push(await Peer.make(crypto, clock))
  return people
}
