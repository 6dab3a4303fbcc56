// A member on MDK: its daemon `wnd` as a process, asked through `wn --json`.

import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { createWriteStream, mkdirSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import type { GroupFacts, Member, Said, SentFile } from "./member.ts"
import { NotPossible, eventually } from "./report.ts"

const run = promisify(execFile)

export interface Binaries {
  readonly wn: string
  readonly wnd: string
}

interface Answer {
  readonly ok: boolean
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

interface Shown {
  readonly group: {
    readonly profile: { readonly name: string }
    readonly admin_policy: { readonly admins: readonly string[] }
    readonly nostr_routing: { readonly relays: readonly string[] }
  }
  readonly mls: { readonly epoch: number }
}

interface Row {
  readonly message_id: string
  readonly from: string
  readonly plaintext: string
  readonly kind: number
  readonly tags: readonly (readonly string[])[]
  readonly reply_to_message_id: string | null
  readonly reactions: { readonly by_emoji: Readonly<Record<string, readonly string[]>> }
  readonly deleted: boolean
}

const CHAT = 9
const EDIT = 1009

const keysOf = (members: readonly Member[]) => members.map(({ pubkey }) => pubkey)

export class MdkMember implements Member {
  readonly software = "mdk"
  readonly name: string
  pubkey = ""
  readonly #binaries: Binaries
  readonly #relay: string
  readonly #home: string
  readonly #blossom: string
  #daemon: ChildProcess | undefined

  /** `home` must be short: a Unix socket lies in it. */
  constructor(
    name: string,
    {
      binaries,
      relay,
      home,
      blossom,
    }: {
      readonly binaries: Binaries
      readonly relay: string
      readonly home: string
      readonly blossom: string
    },
  ) {
    this.name = name
    this.#binaries = binaries
    this.#relay = relay
    this.#home = home
    this.#blossom = blossom
    mkdirSync(home, { recursive: true, mode: 0o700 })
  }

  async create(): Promise<this> {
    await this.start()
    const { account_id } = await this.#wn<{ account_id: string }>("create-identity")
    this.pubkey = account_id
    return this
  }

  async createGroup(name: string, members: readonly Member[]): Promise<string> {
    const args = ["groups", "create", name, ...keysOf(members)]
    return (await this.#wn<{ group_id: string }>(...args)).group_id
  }

  async accept(groupId: string): Promise<void> {
    await eventually(async () => {
      const { invites } = await this.#wn<{ invites: { group_id: string }[] }>("groups", "invites")
      if (!invites.some(({ group_id }) => group_id === groupId)) {
        throw new Error(`${this.name} has no invitation to ${groupId}`)
      }
    })
    await this.#wn("groups", "accept", groupId)
  }

  async invite(groupId: string, members: readonly Member[]): Promise<void> {
    await this.#wn("groups", "add-members", groupId, ...keysOf(members))
  }

  async remove(groupId: string, members: readonly Member[]): Promise<void> {
    await this.#wn("groups", "remove-members", groupId, ...keysOf(members))
  }

  async rename(groupId: string, name: string): Promise<void> {
    await this.#wn("groups", "rename", groupId, name)
  }

  async promote(groupId: string, { pubkey }: Member): Promise<void> {
    await this.#wn("groups", "promote", groupId, pubkey)
  }

  async demote(groupId: string, { pubkey }: Member): Promise<void> {
    const args = pubkey === this.pubkey ? ["self-demote", groupId] : ["demote", groupId, pubkey]
    await this.#wn("groups", ...args)
  }

  async selfUpdate(groupId: string): Promise<void> {
    await this.#wn("groups", "schedule-self-update", groupId)
    await this.#wn("groups", "run-maintenance")
  }

  async leave(groupId: string): Promise<void> {
    await this.#wn("groups", "leave", groupId)
  }

  change(): Promise<void> {
    throw new NotPossible("this wn has no command for it")
  }

  disband(): Promise<void> {
    throw new NotPossible("this wn has no command for it")
  }

  async relays(groupId: string): Promise<readonly string[]> {
    const { group } = await this.#wn<Shown>("groups", "show", groupId)
    return [...group.nostr_routing.relays].sort()
  }

  async send(groupId: string, text: string, replyTo?: string): Promise<void> {
    const reply = replyTo === undefined ? [] : ["--reply-to", replyTo]
    await this.#wn("messages", "send", "--group", groupId, ...reply, text)
  }

  async react(groupId: string, messageId: string, emoji: string): Promise<void> {
    await this.#wn("messages", "react", groupId, messageId, emoji)
  }

  /** MDK's runtime can edit; its `wn` has no command for that unless it is patched in. */
  async edit(groupId: string, messageId: string, text: string): Promise<void> {
    const { stdout } = await run(this.#binaries.wn, ["messages", "--help"])
    if (!/^ +edit\b/m.test(stdout)) throw new NotPossible("this wn has no `messages edit`")
    await this.#wn("messages", "edit", groupId, messageId, text)
  }

  async erase(groupId: string, messageId: string): Promise<void> {
    await this.#wn("messages", "delete", groupId, messageId)
  }

  async sendFile(groupId: string, path: string, caption: string): Promise<void> {
    const options = ["--send", "--message", caption, "--server", this.#blossom]
    await this.#wn("media", "upload", groupId, path, ...options)
  }

  async fetchFile(groupId: string, { sha256 }: SentFile, path: string): Promise<void> {
    await this.#wn("media", "download", groupId, sha256, "--output", path)
  }

  async facts(groupId: string): Promise<GroupFacts> {
    const { group, mls } = await this.#wn<Shown>("groups", "show", groupId)
    const admins = [...group.admin_policy.admins].sort()
    return {
      name: group.profile.name,
      epoch: mls.epoch,
      members: await this.#members(groupId),
      admins,
    }
  }

  async isMember(groupId: string): Promise<boolean> {
    return (await this.#members(groupId)).includes(this.pubkey)
  }

  /** MDK gives edits as rows of their own; a user sees the last one in place of the text. */
  async said(groupId: string): Promise<readonly Said[]> {
    const args = ["messages", "timeline", "list", groupId, "--limit", "200"]
    const { messages } = await this.#wn<{ messages: Row[] }>(...args)
    const edits = messages.filter(({ kind, deleted }) => kind === EDIT && !deleted)
    return messages
      .filter(({ kind }) => kind === CHAT)
      .map((row) => {
        const edit = edits.findLast(
          ({ from, tags }) =>
            from === row.from && tags.some(([name, id]) => name === "e" && id === row.message_id),
        )
        return {
          messageId: row.message_id,
          from: row.from,
          text: row.deleted ? "" : (edit?.plaintext ?? row.plaintext),
          ...(row.reply_to_message_id === null ? {} : { replyTo: row.reply_to_message_id }),
          reactions: Object.entries(row.reactions.by_emoji)
            .flatMap(([emoji, senders]) => senders.map((sender) => `${emoji} ${sender}`))
            .sort(),
          deleted: row.deleted,
        }
      })
  }

  async start(): Promise<void> {
    const relays = ["--discovery-relays", this.#relay, "--default-account-relays", this.#relay]
    const daemon = spawn(this.#binaries.wnd, ["--home", this.#home, ...relays], {
      env: this.#environment(),
      stdio: ["ignore", "pipe", "pipe"],
    })
    const log = createWriteStream(join(this.#home, "daemon.log"), { flags: "a" })
    daemon.stdout.pipe(log)
    daemon.stderr.pipe(log)
    this.#daemon = daemon
    await eventually(() => this.#wn("daemon", "status"))
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM")
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL")
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const daemon = this.#daemon
    this.#daemon = undefined
    if (daemon === undefined) return
    const exited = once(daemon, "exit")
    daemon.kill(signal)
    await exited
  }

  async #members(groupId: string): Promise<readonly string[]> {
    const { members } = await this.#wn<{ members: { member_id: string }[] }>(
      ...["groups", "members", groupId],
    )
    return members.map(({ member_id }) => member_id).sort()
  }

  async #wn<T>(...args: readonly string[]): Promise<T> {
    const account = this.pubkey === "" ? [] : ["--account", this.pubkey]
    const all = ["--home", this.#home, "--json", ...account, ...args]
    const { stdout } = await run(this.#binaries.wn, all, { env: this.#environment() }).catch(
      (error: unknown) => error as { readonly stdout?: string },
    )
    const answer = parse(stdout)
    if (answer?.ok !== true) {
      const { code = "no_answer", message = stdout ?? "" } = answer?.error ?? {}
      throw new Error(`${this.name}: wn ${args.slice(0, 2).join(" ")}: ${code}: ${message}`)
    }
    return answer.result as T
  }

  #environment(): NodeJS.ProcessEnv {
    const settings = Object.entries(process.env).filter(([name]) => name.startsWith("WN_"))
    return {
      ...Object.fromEntries(settings),
      PATH: process.env["PATH"],
      HOME: this.#home,
      RUST_MIN_STACK: "8388608",
      RUST_LOG: process.env["RUST_LOG"],
      WN_ALLOW_LOOPBACK_RELAYS: "1",
      WN_ALLOW_LOOPBACK_BLOB_ENDPOINTS: "1",
      WN_SECRET_STORE: "file",
    }
  }
}

function parse(text: string | undefined): Answer | undefined {
  try {
    return JSON.parse(text ?? "") as Answer
  } catch {
    return undefined
  }
}
