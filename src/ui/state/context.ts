import { createContext } from "svelte"
import type { AppState } from "./app.svelte.ts"

const [useApp, provideApp] = createContext<AppState>()

export { provideApp, useApp }
