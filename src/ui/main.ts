import { mount } from "svelte"
import { connectClient } from "../client/connect.ts"
import App from "./App.svelte"
import StartFailed from "./StartFailed.svelte"
import { AppState } from "./state/app.svelte.ts"
import { Theme } from "./state/theme.svelte.ts"
import "./styles/tokens.css"
import "./styles/base.css"
import "./styles/controls.css"
import "./styles/people.css"

const target = document.body.querySelector("#app") ?? document.body
const theme = new Theme()

try {
  const { api } = await connectClient()
  mount(App, { target, props: { app: new AppState(api, theme) } })
} catch {
  mount(StartFailed, { target })
}
