// Marmot host safety (marmot-wire §11): which hosts a client may contact because somebody else has named them.

/** IPv4 ranges that are not public: network and prefix length. */
const PRIVATE_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
]

/** IPv6 ranges within 2000::/3 that are not public: the first 16-bit groups, and how many bits of them count. */
const PRIVATE_V6: readonly (readonly [number, number, number])[] = [
  [0x2001, 0x0000, 23],
  [0x2001, 0x0db8, 32],
  [0x2002, 0x0000, 16],
  [0x3fff, 0x0000, 20],
]

/**
 * Whether `url` names a public host over http(s) without credentials, as far as its text tells: what a name resolves
 * to is not seen here. A rule for contacting, never for what is valid.
 */
export function isPublicUrl(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname, username, password } = new URL(url)
  if (protocol !== "https:" && protocol !== "http:") return false
  return username === "" && password === "" && !isUnsafeHost(hostname) && !isLocalName(hostname)
}

/**
 * Whether a host is this machine or an address that is not public, and nothing beyond that: frozen formats judge by it.
 * `hostname` as the WHATWG URL parser writes it: addresses are canonical, IPv6 stands in brackets.
 */
export function isUnsafeHost(hostname: string): boolean {
  if (hostname.startsWith("[")) return !isPublicV6(hostname.slice(1, -1))
  if (isV4(hostname)) return !isPublicV4(hostname)
  return /(^|\.)localhost\.?$/.test(hostname)
}

/** A name of the local network: it has no dot, or an ending that is not on the Internet. */
function isLocalName(hostname: string): boolean {
  if (hostname.startsWith("[") || isV4(hostname)) return false
  const name = hostname.replace(/\.$/, "")
  return !name.includes(".") || /(^|\.)(local|internal|home\.arpa)$/.test(name)
}

const isV4 = (hostname: string) => /^\d+\.\d+\.\d+\.\d+$/.test(hostname)

function isPublicV4(address: string): boolean {
  const value = numberOf(address)
  return !PRIVATE_V4.some(([network, bits]) => {
    const size = 2 ** (32 - bits)
    return Math.floor(value / size) === Math.floor(numberOf(network) / size)
  })
}

function numberOf(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0)
}

function isPublicV6(address: string): boolean {
  const [first = "", second = ""] = address.split(":")
  // The canonical form shortens a run of zeros only; "::…" begins with an empty group, which is not in 2000::/3.
  const high = parseInt(first === "" ? "0" : first, 16)
  const low = parseInt(second === "" ? "0" : second, 16)
  if (high >> 13 !== 1) return false
  const value = high * 0x10000 + low
  return !PRIVATE_V6.some(([a, b, bits]) => {
    const size = 2 ** (32 - bits)
    return Math.floor(value / size) === Math.floor((a * 0x10000 + b) / size)
  })
}
