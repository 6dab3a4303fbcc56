// Reads a projection again on request: never twice at once, and once more if asked meanwhile.

export class Refresher {
  readonly #read: () => Promise<void>
  readonly #onError: (error: unknown) => void
  #running = false
  #again = false

  constructor(read: () => Promise<void>, onError: (error: unknown) => void) {
    this.#read = read
    this.#onError = onError
  }

  request(): void {
    if (this.#running) {
      this.#again = true
      return
    }
    void this.#run()
  }

  async #run(): Promise<void> {
    this.#running = true
    try {
      do {
        this.#again = false
        await this.#read()
      } while (this.#wantsAnother())
    } catch (error) {
      this.#onError(error)
    } finally {
      this.#running = false
    }
    // A request made while the last read failed.
    if (this.#again) {
      this.#again = false
      void this.#run()
    }
  }

  #wantsAnother(): boolean {
    return this.#again
  }
}
