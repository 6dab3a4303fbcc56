import { vitePreprocess } from "@sveltejs/vite-plugin-svelte"

export default {
  preprocess: vitePreprocess({ script: false }),
  compilerOptions: { runes: true },
  vitePlugin: { dynamicCompileOptions: ({ filename }) => libraryOptions(filename) },
}

// Dependencies decide for themselves whether they use runes.
function libraryOptions(filename) {
  return filename.includes("node_modules") ? { runes: undefined } : undefined
}
