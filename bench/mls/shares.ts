// What bounds each operation of ours: its calls of each kind of cryptography, times what such a call takes by itself.

import type { BackEnd } from "../../src/mls/back-end.ts"
import { createCrypto } from "../../src/mls/backend.ts"
import { chooseBackEnd } from "../../src/mls/choose-back-end.ts"
import { cipherSuite } from "../../src/mls/index.ts"
import { type HashFunctions, hashFunctions } from "../../src/mls/primitives.ts"
import { burrow } from "./burrow.ts"
import type { Peer } from "./peer.ts"
import { type Clock, subject } from "./subject.ts"

/** Milliseconds of an operation, and of it what its calls of each kind take. */
export interface Share {
  readonly operation: string
  readonly totalMs: number
  readonly signaturesMs: number
  readonly kemMs: number
  readonly aeadMs: number
  readonly hashingMs: number
}

type Call = "verify" | "sign" | "keyPair" | "agree" | "ephemeral" | "seal" | "open"
type Calls = Record<Call, number>

/** Calls of one kind from which on they were made side by side, not one after another. */
const MANY = 50
const ROUNDS = { alone: 32, together: 512 }
const MESSAGES = 200
const COMMITS = 9

/** Of a group of `n`; means, where an operation is called several times. */
export async function measureShares(n: number, clock: Clock): Promise<Share[]> {
  const suite = cipherSuite(1)
  const plain = await chooseBackEnd(suite, "auto")
  const counted = counting(plain, clock)
  const peer = await burrow(await createCrypto({ suite, backend: counted.backEnd }))
  const costs = await costsOf(plain, clock)
  const shares = new Map<string, Share[]>()
  /** Which tree a Commit is on; its operations are left out without one. */
  let tree: string | undefined = "blank tree"

  const watch = async <T>(operation: string, run: () => Promise<T>): Promise<T> => {
    counted.reset()
    const start = clock()
    const value = await run()
    const totalMs = clock() - start
    const share = {
      operation,
      totalMs,
      ...spent(counted.calls, costs),
      hashingMs: counted.hashed(),
    }
    if (tree !== undefined) shares.set(operation, [...(shares.get(operation) ?? []), share])
    return value
  }
  const watched: typeof peer = { ...peer, ...watching(peer, watch, () => tree ?? "") }
  const ours = subject(watched, clock)
  await ours.prepare(n)
  await ours.build()
  await ours.join()
  await ours.commit()
  await ours.messages(MESSAGES)
  tree = undefined
  await ours.warm()
  tree = "warm tree"
  for (let i = 0; i < COMMITS; i++) await ours.commit()
  return [...shares.values()].map(meanOf)
}

type Watch = <T>(operation: string, run: () => Promise<T>) => Promise<T>

function watching<Own, State>(
  peer: Peer<Own, State>,
  watch: Watch,
  tree: () => string,
): Pick<Peer<Own, State>, "addMembers" | "join" | "commit" | "process" | "encrypt" | "decrypt"> {
  return {
    addMembers: (...given) => watch("build", () => peer.addMembers(...given)),
    join: (...given) => watch("join", () => peer.join(...given)),
    commit: (...given) => watch(`commit, ${tree()}`, () => peer.commit(...given)),
    process: (...given) => watch(`process it, ${tree()}`, () => peer.process(...given)),
    encrypt: (...given) => watch("encrypt", () => peer.encrypt(...given)),
    decrypt: (...given) => watch("decrypt", () => peer.decrypt(...given)),
  }
}

const none = (): Calls => ({
  verify: 0,
  sign: 0,
  keyPair: 0,
  agree: 0,
  ephemeral: 0,
  seal: 0,
  open: 0,
})

/** The same back end with its calls counted, and the time of the synchronous ones. */
function counting(plain: BackEnd, clock: Clock) {
  const calls = none()
  let hashing = 0
  const count = <Given extends unknown[], T>(call: Call, run: (...given: Given) => T) => {
    return (...given: Given): T => {
      calls[call]++
      return run(...given)
    }
  }
  const timed = <Given extends unknown[], T>(run: (...given: Given) => T) => {
    return (...given: Given): T => {
      const start = clock()
      const value = run(...given)
      hashing += clock() - start
      return value
    }
  }
  const hashes = hashFunctions("SHA-256")
  const { aead, signature, kem } = parts(plain)
  const backEnd: BackEnd = {
    name: plain.name,
    aead: {
      seal: count("seal", (...given: Parameters<typeof aead.seal>) => aead.seal(...given)),
      open: count("open", (...given: Parameters<typeof aead.open>) => aead.open(...given)),
    },
    signature: {
      keyPair: (privateKey) => signature.keyPair(privateKey),
      sign: count("sign", (...given: Parameters<typeof signature.sign>) =>
        signature.sign(...given),
      ),
      verify: count("verify", (...given: Parameters<typeof signature.verify>) =>
        signature.verify(...given),
      ),
      verifyOneOfMany: count("verify", (...given: Parameters<typeof signature.verifyOneOfMany>) =>
        signature.verifyOneOfMany(...given),
      ),
    },
    kem: {
      keyPair: count("keyPair", (...given: Parameters<typeof kem.keyPair>) =>
        kem.keyPair(...given),
      ),
      diffieHellman: count("agree", (...given: Parameters<typeof kem.diffieHellman>) =>
        kem.diffieHellman(...given),
      ),
      ephemeral: count("ephemeral", (...given: Parameters<typeof kem.ephemeral>) =>
        kem.ephemeral(...given),
      ),
    },
    hashes: {
      hash: timed((...given: Parameters<typeof hashes.hash>) => hashes.hash(...given)),
      mac: timed((...given: Parameters<typeof hashes.mac>) => hashes.mac(...given)),
      extract: timed((...given: Parameters<typeof hashes.extract>) => hashes.extract(...given)),
      expand: timed((...given: Parameters<typeof hashes.expand>) => hashes.expand(...given)),
    } satisfies HashFunctions,
  }
  return {
    backEnd,
    calls: calls as Readonly<Calls>,
    hashed: () => hashing,
    reset() {
      Object.assign(calls, none())
      hashing = 0
    },
  }
}

/** Of suite 1 on WebCrypto, all of whose operations are there. */
function parts({ aead, signature, kem }: BackEnd) {
  if (!("diffieHellman" in kem)) throw new Error("no Diffie-Hellman")
  if (!("verifyOneOfMany" in signature) || !("ephemeral" in kem))
    throw new Error("not on WebCrypto")
  return {
    aead,
    signature: signature as Required<typeof signature>,
    kem: kem as Required<typeof kem>,
  }
}

interface Costs {
  /** Milliseconds of a call by itself, and of one among many at the same time. */
  readonly alone: Calls
  readonly together: Calls
}

function spent(calls: Readonly<Calls>, { alone, together }: Costs) {
  const of = (...kinds: readonly Call[]) =>
    kinds.reduce((sum, call) => {
      const costs = calls[call] < MANY ? alone : together
      return sum + calls[call] * costs[call]
    }, 0)
  return {
    signaturesMs: of("verify", "sign"),
    kemMs: of("keyPair", "agree", "ephemeral"),
    aeadMs: of("seal", "open"),
  }
}

/** Each call with others' keys that were not seen before, as they are in a group. */
async function costsOf(plain: BackEnd, clock: Clock): Promise<Costs> {
  const calls = await samples(plain)
  const [alone, together] = [none(), none()]
  for (const call of Object.keys(calls) as Call[]) {
    const run = calls[call]
    const first = clock()
    for (let i = 0; i < ROUNDS.alone; i++) await run(i)
    const second = clock()
    const others = Array.from({ length: ROUNDS.together }, (_, i) => ROUNDS.alone + i)
    await Promise.all(others.map((i) => run(i)))
    alone[call] = (second - first) / ROUNDS.alone
    together[call] = (clock() - second) / ROUNDS.together
  }
  return { alone, together }
}

async function samples(plain: BackEnd): Promise<Record<Call, (i: number) => Promise<unknown>>> {
  const { aead, signature, kem } = parts(plain)
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const [key, nonce, text, own] = [random(16), random(12), random(100), random(32)]
  const members = await Promise.all(
    Array.from({ length: ROUNDS.alone + ROUNDS.together }, async () => {
      const signer = await signature.keyPair(random(32))
      const { publicKey } = await kem.keyPair(random(32))
      const content = random(300)
      const signed = await signature.sign(signer.privateKey, content)
      return { signer, publicKey, content, signed, sealed: await aead.seal(key, nonce, key, text) }
    }),
  )
  const member = (i: number) => {
    const found = members[i]
    if (found === undefined) throw new Error("too few members")
    return found
  }
  await signature.sign(own, text)
  return {
    verify(i) {
      const { signer, content, signed } = member(i)
      return signature.verifyOneOfMany(signer.publicKey, content, signed)
    },
    sign: () => signature.sign(own, text),
    keyPair: () => kem.keyPair(random(32)),
    agree: (i) => kem.diffieHellman(random(32), member(i).publicKey),
    ephemeral: (i) => kem.ephemeral(member(i).publicKey),
    seal: () => aead.seal(random(16), nonce, key, text),
    open: (i) => aead.open(key.slice(), nonce, key, member(i).sealed),
  }
}

function meanOf(shares: readonly Share[]): Share {
  const mean = (part: (share: Share) => number) =>
    shares.reduce((sum, share) => sum + part(share), 0) / shares.length
  return {
    operation: shares[0]?.operation ?? "",
    totalMs: mean((share) => share.totalMs),
    signaturesMs: mean((share) => share.signaturesMs),
    kemMs: mean((share) => share.kemMs),
    aeadMs: mean((share) => share.aeadMs),
    hashingMs: mean((share) => share.hashingMs),
  }
}
