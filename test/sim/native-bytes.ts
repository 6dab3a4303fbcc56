// To be loaded before anything else: what browsers have for base64 and hex, and the libraries look for when they are
// loaded, on a Node that lacks it.

function offer(target: object, name: string, value: (...given: never[]) => unknown): void {
  if (!(name in target)) Object.defineProperty(target, name, { value })
}

const viewOf = ({ buffer, byteOffset, length }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, length)

/** Strict, as all that we use asks for: the one text of some bytes, and no other. */
function read(text: string, encoding: "base64" | "hex"): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(text, encoding))
  const expected = encoding === "hex" ? text.toLowerCase() : text
  if (viewOf(bytes).toString(encoding) !== expected) throw new SyntaxError(`not ${encoding}`)
  return bytes
}

interface Options {
  readonly alphabet?: string
}

function standard({ alphabet = "base64" }: Options = {}): "base64" {
  if (alphabet !== "base64") throw new Error("nobody has asked for base64url so far")
  return "base64"
}

offer(Uint8Array.prototype, "toHex", function (this: Uint8Array) {
  return viewOf(this).toString("hex")
})
offer(Uint8Array.prototype, "toBase64", function (this: Uint8Array, options?: Options) {
  return viewOf(this).toString(standard(options))
})
offer(Uint8Array, "fromHex", (text: string) => read(text, "hex"))
offer(Uint8Array, "fromBase64", (text: string, options?: Options) => read(text, standard(options)))
