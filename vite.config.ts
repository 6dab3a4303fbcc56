import { svelte } from "@sveltejs/vite-plugin-svelte"
import { defineConfig, type Plugin } from "vite"

// Everything comes from the folder that the page lies in; only relays and media servers are outside.
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "font-src 'self'",
  "manifest-src 'self'",
  "connect-src 'self' ws: wss: http: https:",
  "base-uri 'none'",
  "form-action 'none'",
  "object-src 'none'",
].join("; ")

/** Only in the build: the development server injects inline styles and its own socket. */
function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: policy },
        injectTo: "head-prepend",
      },
    ],
  }
}

export default defineConfig({
  // Works from any static host and any sub-folder.
  base: "./",
  plugins: [svelte(), contentSecurityPolicy()],
  worker: { format: "es" },
  // In development: what workers need is known before the first page, and no worker finds it replaced while it starts.
  optimizeDeps: { entries: ["index.html", "src/client/worker.ts", "src/client/verifier.ts"] },
  build: {
    target: "es2023",
    sourcemap: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
})
