// A member on this implementation: the headless client as a process.

import { CliClient } from "../../support/cli-client.ts"
import type { GroupFacts, Member, Said, SentFile, Settings } from "./member.ts"
import { eventually } from "./report.ts"

interface Listed {
  readonly groupId: string
  readonly name: string
  readonly epoch: number
  readonly members: readonly string[]
  readonly admins: readonly string[]
  readonly state: string
  readonly relays: readonly string[]
}

interface Message {
  readonly messageId: string
  readonly pubkey: string
  readonly content: string
  readonly tags: readonly (readonly string[])[]
  readonly reactions?: readonly { readonly pubkey: string; readonly content: string }[]
  readonly deleted?: boolean
}

/** Where a member lives. */
interface Surroundings {
  readonly relay: string
  readonly home: string
  readonly blossom: string
}

const keysOf = (members: readonly Member[]) => members.map(({ pubkey }) => pubkey)

export class BurrowMember implements Member {
  readonly software = "burrow"
  readonly name: string
  pubkey = ""
  readonly #client: CliClient

  constructor(name: string, { relay, home, blossom }: Surroundings) {
    this.name = name
    this.#client = new CliClient(relay, home, blossom)
  }

  async create(): Promise<this> {
    this.#client.start()
    const { pubkey } = await this.#client.call<{ pubkey: string }>("account.create", {
      name: this.name,
    })
    this.pubkey = pubkey
    await this.#client.call("account.ready")
    return this
  }

  async createGroup(name: string, members: readonly Member[]): Promise<string> {
    const params = { name, members: keysOf(members) }
    const { groupId } = await this.#client.call<{ groupId: string }>("groups.create", params)
    return groupId
  }

  async accept(groupId: string): Promise<void> {
    await eventually(async () => {
      await this.#client.call("sync")
      const invites = await this.#client.call<{ inviteId: string }[]>("invites.list")
      const accepted = invites.map(({ inviteId }) =>
        this.#client.call<{ groupId: string }>("invites.accept", { inviteId }),
      )
      if ((await Promise.all(accepted)).some((invite) => invite.groupId === groupId)) return
      throw new Error(`${this.name} has no invitation to ${groupId}`)
    })
  }

  async invite(groupId: string, members: readonly Member[]): Promise<void> {
    await this.#client.call("groups.invite", { groupId, members: keysOf(members) })
  }

  async remove(groupId: string, members: readonly Member[]): Promise<void> {
    await this.#client.call("groups.remove", { groupId, members: keysOf(members) })
  }

  async rename(groupId: string, name: string): Promise<void> {
    await this.#client.call("groups.update", { groupId, name })
  }

  async promote(groupId: string, { pubkey }: Member): Promise<void> {
    const { admins } = await this.facts(groupId)
    await this.#client.call("groups.update", { groupId, admins: [...admins, pubkey] })
  }

  async demote(groupId: string, { pubkey }: Member): Promise<void> {
    const { admins } = await this.facts(groupId)
    const left = admins.filter((admin) => admin !== pubkey)
    await this.#client.call("groups.update", { groupId, admins: left })
  }

  async selfUpdate(groupId: string): Promise<void> {
    await this.#client.call("groups.selfUpdate", { groupId })
  }

  async leave(groupId: string): Promise<void> {
    await this.#client.call("groups.leave", { groupId })
  }

  async change(groupId: string, settings: Settings): Promise<void> {
    await this.#client.call("groups.update", { groupId, ...settings })
  }

  async disband(groupId: string): Promise<void> {
    await this.#client.call("groups.disband", { groupId })
  }

  async relays(groupId: string): Promise<readonly string[]> {
    return [...(await this.#group(groupId)).relays].sort()
  }

  async send(groupId: string, content: string, replyTo?: string): Promise<void> {
    const reply = replyTo === undefined ? {} : { replyTo }
    await this.#client.call("messages.send", { groupId, content, ...reply })
  }

  async react(groupId: string, messageId: string, content: string): Promise<void> {
    await this.#client.call("messages.react", { groupId, messageId, content })
  }

  async edit(groupId: string, messageId: string, content: string): Promise<void> {
    await this.#client.call("messages.edit", { groupId, messageId, content })
  }

  async erase(groupId: string, messageId: string): Promise<void> {
    await this.#client.call("messages.delete", { groupId, messageId })
  }

  async sendFile(groupId: string, path: string, caption: string): Promise<void> {
    await this.#client.call("media.send", { groupId, path, caption })
  }

  async fetchFile(groupId: string, { messageId }: SentFile, path: string): Promise<void> {
    await this.#client.call("media.fetch", { groupId, messageId, path })
  }

  async facts(groupId: string): Promise<GroupFacts> {
    const { name, epoch, members, admins } = await this.#group(groupId)
    return { name, epoch, members: [...members].sort(), admins: [...admins].sort() }
  }

  async isMember(groupId: string): Promise<boolean> {
    return (await this.#group(groupId)).state === "active"
  }

  async said(groupId: string): Promise<readonly Said[]> {
    const list = await this.#client.call<Message[]>("messages.list", { groupId, limit: 200 })
    return list.map(({ messageId, pubkey, content, tags, reactions = [], deleted = false }) => {
      const quoted = tags.find(([name]) => name === "q")?.[1]
      return {
        messageId,
        from: pubkey,
        text: content,
        ...(quoted === undefined ? {} : { replyTo: quoted }),
        reactions: reactions.map((each) => `${each.content} ${each.pubkey}`).sort(),
        deleted,
      }
    })
  }

  start(): Promise<void> {
    this.#client.start()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    await this.#client.stop()
  }

  async kill(): Promise<void> {
    await this.#client.kill()
  }

  async #group(groupId: string): Promise<Listed> {
    const groups = await this.#client.call<Listed[]>("groups.list")
    const group = groups.find((each) => each.groupId === groupId)
    if (group === undefined) throw new Error(`${this.name} has no group ${groupId}`)
    return group
  }
}
