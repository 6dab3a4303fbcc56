// People being chosen for a group: each text typed is looked up and keeps its own result.
import type { ClientApi } from "../../client/api.ts"
import { plainWords } from "./app.svelte.ts"
import { newAddresses, unanswered, withChecks, type Invitee } from "./people-input.ts"

const mostAtOnce = 200

export class Invitees {
  list = $state.raw<readonly Invitee[]>([])
  readonly checking = $derived(this.list.some((invitee) => invitee.check === undefined))
  readonly bad = $derived(
    this.list.filter(({ check }) => check !== undefined && check.status !== "ok"),
  )
  readonly good = $derived(this.list.filter(({ check }) => check?.status === "ok"))
  readonly valid = $derived(this.list.length === this.good.length)

  readonly #api: ClientApi
  readonly #groupId: string | undefined

  constructor(api: ClientApi, groupId?: string) {
    this.#api = api
    this.#groupId = groupId
  }

  /** Takes one or many addresses out of typed or pasted text. */
  add(text: string): void {
    const inputs = newAddresses(text, this.list).slice(0, mostAtOnce - this.list.length)
    if (inputs.length === 0) return
    this.list = [...this.list, ...inputs.map((input) => ({ input, check: undefined }))]
    void this.#check(inputs)
  }

  remove(input: string): void {
    this.list = this.list.filter((invitee) => invitee.input !== input)
  }

  removeBad(): void {
    this.list = this.list.filter((invitee) => !this.bad.includes(invitee))
  }

  recheck(input: string): void {
    this.list = this.list.map((one) => (one.input === input ? { input, check: undefined } : one))
    void this.#check([input])
  }

  async #check(inputs: readonly string[]): Promise<void> {
    try {
      const checks = await this.#api.checkInvitees(inputs, this.#groupId)
      this.list = withChecks(this.list, inputs, checks)
    } catch (error) {
      const reason = plainWords(error)
      this.list = withChecks(
        this.list,
        inputs,
        inputs.map((input) => unanswered(input, reason)),
      )
    }
  }
}
