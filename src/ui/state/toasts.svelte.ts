// Short messages that come and go.

export interface Toast {
  readonly id: number
  readonly tone: "info" | "error"
  readonly text: string
}

const shownMs = { info: 3500, error: 8000 }
const most = 3

export class Toasts {
  list = $state.raw<readonly Toast[]>([])
  #next = 1

  info(text: string): void {
    this.#show("info", text)
  }

  error(text: string): void {
    this.#show("error", text)
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id)
  }

  #show(tone: Toast["tone"], text: string): void {
    const id = this.#next
    this.#next += 1
    const others = this.list.filter((toast) => toast.text !== text)
    this.list = [...others, { id, tone, text }].slice(-most)
    setTimeout(() => this.dismiss(id), shownMs[tone])
  }
}
