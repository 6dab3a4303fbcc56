// Light, dark, or as the system says. The choice stays on this device.

export type ThemeChoice = "system" | "light" | "dark"

const key = "burrow.theme"

export class Theme {
  choice = $state<ThemeChoice>(stored())
  readonly #dark = window.matchMedia("(prefers-color-scheme: dark)")

  constructor() {
    this.#dark.addEventListener("change", () => this.#apply())
    this.#apply()
  }

  choose(choice: ThemeChoice): void {
    this.choice = choice
    try {
      localStorage.setItem(key, choice)
    } catch {
      // Not remembered, but in force until the page closes.
    }
    this.#apply()
  }

  #apply(): void {
    const dark = this.choice === "dark" || (this.choice === "system" && this.#dark.matches)
    document.documentElement.dataset["theme"] = dark ? "dark" : "light"
  }
}

function stored(): ThemeChoice {
  try {
    const value = localStorage.getItem(key)
    return value === "light" || value === "dark" ? value : "system"
  } catch {
    return "system"
  }
}
