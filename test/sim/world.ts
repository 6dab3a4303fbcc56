// A plan put into practice: devices around relays, phases of trouble with rest between them, and the end.

import { createCrypto, cipherSuite } from "../../src/mls/index.ts"
import type { MlsCrypto } from "../../src/mls/index.ts"
import type { Engine } from "../../src/client/engine.ts"
import { Clock } from "./clock.ts"
import { Counts } from "./counts.ts"
import { Device } from "./device.ts"
import { hostileEvents } from "./hostile.ts"
import { Network } from "./network.ts"
import { nodeBackEnd } from "./node-back-end.ts"
import type { Item, Plan } from "./plan.ts"
import { Rng } from "./rng.ts"
import { SimRelay } from "./sim-relay.ts"
import { Witness } from "./witness.ts"

const START = Date.UTC(2026, 0, 1)
/** How long the group may take to come to rest between phases, and at the end (virtual milliseconds). */
const REST_MS = 180_000
const END_MS = 900_000
const SYNC_MS = 60_000
/** What goes on by itself does so within this time. */
const QUIET_MS = 5_000

export interface WorldOptions {
  /** Tests only: a broken engine for a device, to see that it is noticed. */
  readonly engineOf?: (index: number) => Engine
  /** Tests only: after the end, before anything is checked. */
  readonly atEnd?: (world: World) => void
  /** Lines of what happens. */
  readonly tell?: (line: string) => void
}

export class World {
  readonly plan: Plan
  readonly counts = new Counts()
  readonly clock = new Clock(START)
  readonly network: Network
  readonly witness: Witness
  readonly devices: Device[] = []
  readonly relays: SimRelay[] = []
  groupId = ""
  /** Why the end did not come to rest, if it did not. */
  unrest: string | undefined
  readonly #backEnd = nodeBackEnd()
  readonly #rng: Rng
  readonly #options: WorldOptions
  readonly #absent = new Map<Device, number>()
  /** What goes on beside other things. */
  readonly #background: Promise<unknown>[] = []
  #texts = 0

  constructor(plan: Plan, options: WorldOptions = {}) {
    this.plan = plan
    this.#options = options
    this.#rng = Rng.of(plan.seed, "world")
    this.network = new Network(this.clock, Rng.of(plan.seed, "network"), this.counts)
    this.witness = new Witness(this.counts, options.tell && ((line) => this.tell(line)))
  }

  tell(line: string): void {
    this.#options.tell?.(`${((this.clock.now - START) / 1000).toFixed(3)} ${line}`)
  }

  async run(): Promise<void> {
    await this.#found()
    for (const [index, items] of this.plan.phases.entries()) {
      this.tell(`— phase ${index}`)
      await this.#phase(items)
      this.network.heal()
      for (const relay of this.relays) relay.heal()
      await this.#rest(REST_MS)
    }
    this.tell("— the end")
    this.#absent.clear()
    for (const device of this.devices) device.killAtWrite(undefined)
    await Promise.all(this.devices.map((device) => device.start()))
    this.network.heal()
    // Calls of users end after a minute, whatever happens.
    await this.clock.sleep(70_000)
    this.unrest = await this.rest()
    await Promise.all(this.#background)
    this.counts.add("forks", this.witness.forks)
    this.#options.atEnd?.(this)
  }

  /** As long as it may take when nothing is in the way any more. Returns what keeps it from resting. */
  rest(): Promise<string | undefined> {
    return this.#rest(END_MS)
  }

  /** Members as a device sees them. */
  async groupOf(device: Device) {
    return device.client?.group(this.groupId).catch(() => undefined)
  }

  async #found(): Promise<void> {
    const { plan, clock, network, counts, relays, devices } = this
    const crypto = await this.#crypto()
    for (let index = 0; index < plan.relays; index++) {
      const rng = Rng.of(plan.seed, "relay", index)
      const parts = { clock, rng, counts }
      const relay = new SimRelay(`wss://r${index}.example`, parts, plan.insistences?.[index])
      relays.push(relay)
      network.relays.set(relay.url, relay)
    }
    const urls = relays.map(({ url }) => url)
    for (const [index, account] of plan.accounts.entries()) {
      const device = new Device({
        index,
        secretKey: Rng.of(plan.seed, "account", account).bytes(32),
        relays: urls,
        skew: plan.skews[index] ?? 0,
        clock,
        network,
        rng: Rng.of(plan.seed, "device", index),
        counts,
        crypto,
        engineFor: (watched) => this.witness.engineFor(watched, this.#options.engineOf?.(index)),
        tell: (line) => this.tell(line),
      })
      this.tell(`${device.name} is ${device.pubkey.slice(0, 4)}`)
      device.isHonest = !plan.malicious.some((each) => plan.accounts[each] === account)
      devices.push(device)
    }
    await Promise.all(devices.map((device) => device.start()))
    // One after the other: devices of one account would write over each other's lists.
    for (const device of devices) {
      await device.importAccount()
      await device.call("ensureReachable", (client) => client.ensureReachable())
    }
    const founder = this.#device(0)
    const members = [...new Set(plan.founders.map((index) => this.#device(index).pubkey))]
    const made = await founder.call("create", (client) =>
      client.createGroup({
        name: "Us",
        members: members.filter((each) => each !== founder.pubkey),
      }),
    )
    if (made === undefined) throw new Error("no group could be made")
    this.groupId = made.groupId
    await this.#rest(REST_MS)
    if (plan.admins.length === 0) return
    const admins = [0, ...plan.admins].map((index) => this.#device(index).pubkey)
    await founder.call("admins", (client) =>
      client.updateGroup(made.groupId, { admins: [...new Set(admins)] }),
    )
    await this.#rest(REST_MS)
  }

  async #phase(items: readonly Item[]): Promise<void> {
    const start = this.clock.now
    for (const item of items) {
      await this.clock.sleep(start + item.at - this.clock.now)
      const act = this.#act(item)
      this.#background.push(act)
    }
    await this.clock.sleep(5_000)
  }

  async #act(item: Item): Promise<unknown> {
    const { clock, network, counts, groupId } = this
    this.tell(JSON.stringify(item))
    counts.add(`act: ${item.type}`)
    switch (item.type) {
      case "send":
        for (let time = 0; time < item.times; time++) {
          const content = `text ${++this.#texts} of d${item.by}`
          await this.#device(item.by).send(groupId, content)
        }
        return
      case "selfUpdate":
        return this.#device(item.by).call("selfUpdate", (client) => client.selfUpdate(groupId))
      case "rename":
        return this.#device(item.by).call("rename", (client) =>
          client.updateGroup(groupId, { name: `name ${clock.now - START}` }),
        )
      case "describe":
        return this.#device(item.by).call("describe", (client) =>
          client.updateGroup(groupId, { description: `words ${clock.now - START}` }),
        )
      case "admins": {
        const admins = item.admins.map((index) => this.#device(index).pubkey)
        return this.#device(item.by).call("admins", (client) =>
          client.updateGroup(groupId, { admins: [...new Set(admins)] }),
        )
      }
      case "invite":
        return this.#device(item.by).call("invite", (client) =>
          client.invite(groupId, [this.#device(item.subject).pubkey]),
        )
      case "remove":
        return this.#device(item.by).call("remove", (client) =>
          client.removeMembers(groupId, [this.#device(item.subject).pubkey]),
        )
      case "leave":
        return this.#device(item.by).call("leave", (client) => client.leave(groupId))
      case "disband":
        return this.#device(item.by).call("disband", (client) => client.disband(groupId))
      case "reroute": {
        const relays = item.relays.map((index) => this.#relay(index).url)
        const changes = relays.length === 0 ? { newAddress: true } : { relays }
        return this.#device(item.by).call("reroute", (client) =>
          client.updateGroup(groupId, changes),
        )
      }
      case "accept":
        return this.#accept(this.#device(item.by))
      case "kill":
        this.#device(item.by).kill()
        return this.#back(item.by, item.off)
      case "stop":
        await this.#device(item.by).stop()
        return this.#back(item.by, item.off)
      case "killAtWrite":
        this.#device(item.by).killAtWrite({
          left: item.writes,
          when: item.when,
          onDeath: () => this.#background.push(this.#back(item.by, item.off)),
        })
        return
      case "skew":
        this.#device(item.by).skew = item.skew
        return
      case "partition":
        return this.#partition(item)
      case "split":
        return this.#split(item)
      case "down": {
        const relay = this.#relay(item.relay)
        relay.isDown = true
        network.cut(({ url }) => url === relay.url)
        await clock.sleep(item.lasts)
        relay.isDown = false
        return
      }
      case "mode": {
        const relay = this.#relay(item.relay)
        relay.modes.set(item.mode, item.probability)
        await clock.sleep(item.lasts)
        relay.modes.delete(item.mode)
        return
      }
      case "forget":
        this.#relay(item.relay).forget(item.share)
        return
      case "noise":
        network.noise = item
        await clock.sleep(item.lasts)
        network.noise = { lose: 0, duplicate: 0, delay: 0 }
        return
      case "hostile":
        return this.#hostile(item)
    }
  }

  #partition(item: Item & { readonly type: "partition" }): Promise<void> {
    const links = item.devices.flatMap((device) =>
      item.relays.map((relay) => [this.#device(device).name, this.#relay(relay).url] as const),
    )
    return this.#cut(links, item.how, item.lasts)
  }

  #split({ side, lasts }: Item & { readonly type: "split" }): Promise<void> {
    const links = this.devices.flatMap(({ name, index }) =>
      this.relays
        .filter((_, relay) => (relay % 2 === 0) === side.includes(index))
        .map(({ url }) => [name, url] as const),
    )
    return this.#cut(links, "closed", lasts)
  }

  async #cut(
    links: readonly (readonly [device: string, url: string])[],
    how: "hangs" | "closed",
    lasts: number,
  ): Promise<void> {
    for (const [device, url] of links) this.network.setLink(device, url, how)
    await this.clock.sleep(lasts)
    for (const [device, url] of links) this.network.setLink(device, url, "up")
  }

  async #hostile(item: Item & { readonly type: "hostile" }): Promise<void> {
    const [anchor] = this.relays
    if (anchor === undefined) return
    const query = { limit: 500, now: Math.floor(this.clock.now / 1000) }
    const stored = anchor.events.query([{ kinds: [445] }], query)
    const keyPackages = anchor.events.query([{ kinds: [30443] }], query)
    const events = await hostileEvents(this.#device(item.by), item.what, {
      crypto: await this.#crypto(),
      rng: this.#rng,
      now: this.clock.now,
      stored,
      keyPackages,
    })
    this.counts.add(`hostile events: ${item.what}`, events.length)
    for (const event of events) for (const relay of this.relays) relay.post(event)
  }

  #crypto(): Promise<MlsCrypto> {
    return createCrypto({
      suite: cipherSuite(1),
      backend: this.#backEnd,
      random: (length) => this.#rng.bytes(length),
    })
  }

  async #back(index: number, off: number): Promise<void> {
    const device = this.#device(index)
    const until = this.clock.now + off
    this.#absent.set(device, until)
    await this.clock.sleep(off)
    if (this.#absent.get(device) !== until) return
    this.#absent.delete(device)
    await device.start()
  }

  async #accept(device: Device): Promise<void> {
    const invites = await device.call("invites", (client) => client.invites())
    for (const { inviteId } of invites ?? []) {
      await device.call("accept", (client) => client.acceptInvite(inviteId))
    }
  }

  /**
   * Until all have caught up, and a while later nothing has changed and nobody has anything left to do. Returns what
   * keeps it from resting.
   */
  async #rest(limit: number): Promise<string | undefined> {
    const start = this.clock.now
    let unrest: string | undefined
    do {
      await this.clock.sleep(QUIET_MS)
      const running = this.devices.filter((device) => device.client !== undefined)
      const problems = await Promise.all(running.map((device) => this.#sync(device)))
      unrest = problems.find((problem) => problem !== undefined)
      await Promise.all(running.map((device) => this.#accept(device)))
      const before = await this.#views(running)
      await this.clock.sleep(QUIET_MS)
      const after = await this.#views(this.devices.filter((device) => device.client !== undefined))
      if (before !== after) unrest ??= "the views still change"
    } while (unrest !== undefined && this.clock.now - start < limit)
    return unrest
  }

  async #sync(device: Device): Promise<string | undefined> {
    const { client } = device
    if (client === undefined) return undefined
    let problem: string | undefined
    await device.call("sync", (opened) =>
      opened.sync({ timeoutMs: SYNC_MS }).catch((error: unknown) => {
        problem = `${device.name}: ${String(error)}`
      }),
    )
    return problem
  }

  async #views(devices: readonly Device[]): Promise<string> {
    return JSON.stringify(await Promise.all(devices.map((device) => this.#view(device))))
  }

  /** What its user sees of the group, newest messages only, and what it is still busy with. */
  async #view(device: Device): Promise<unknown> {
    const { client } = device
    const group = await this.groupOf(device)
    if (group === undefined || client === undefined) return device.name
    const { epoch, standing, busy } = group
    const { items } = await client.timeline(this.groupId, { limit: 20 })
    const { pendingInbound, pendingOutbound } = await client.connection()
    return [device.name, epoch, standing, busy, pendingInbound, pendingOutbound, items]
  }

  #device(index: number): Device {
    const device = this.devices[index]
    if (device === undefined) throw new Error(`no device ${index}`)
    return device
  }

  #relay(index: number): SimRelay {
    const relay = this.relays[index]
    if (relay === undefined) throw new Error(`no relay ${index}`)
    return relay
  }
}
