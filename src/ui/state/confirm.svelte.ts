// One question at a time: "really?"

export interface Question {
  readonly title: string
  readonly body: string
  readonly action: string
  readonly danger?: boolean
  /** The user must type this word first; for what can't be undone. */
  readonly typed?: string
}

export class Confirmation {
  question = $state.raw<Question | undefined>(undefined)
  #answer: ((yes: boolean) => void) | undefined

  ask(question: Question): Promise<boolean> {
    this.answer(false)
    this.question = question
    return new Promise((resolve) => {
      this.#answer = resolve
    })
  }

  answer(yes: boolean): void {
    this.question = undefined
    this.#answer?.(yes)
    this.#answer = undefined
  }
}
