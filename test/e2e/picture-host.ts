// "pictures.example": a picture on the web, over TLS, on this machine. Chromium is told where, and not to ask who signed.

import { readFileSync } from "node:fs"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"

export interface PictureHost {
  readonly url: string
  /** For Chromium. */
  readonly flags: readonly string[]
  /** How often the picture was asked for. */
  readonly asked: () => number
  close(): Promise<void>
}

export async function startPictureHost(file: string): Promise<PictureHost> {
  let asked = 0
  const server = createServer({ cert, key }, (_request, response) => {
    asked++
    response.setHeader("access-control-allow-origin", "*")
    response.setHeader("content-type", "image/png")
    response.end(readFileSync(file))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: "https://pictures.example/club.png",
    flags: [
      `--host-resolver-rules=MAP pictures.example:443 127.0.0.1:${port}`,
      "--ignore-certificate-errors",
    ],
    asked: () => asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Made for this test, and of no use for anything else. */
const cert = `-----BEGIN CERTIFICATE-----
MIIBqjCCAVCgAwIBAgIUAyT4WaipTrXiBPpKQXSVaKn4y9kwCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQcGljdHVyZXMuZXhhbXBsZTAgFw0yNjExMjcyMzE5MjlaGA8y
MTI2MTEwMzIzMTkyOVowGzEZMBcGA1UEAwwQcGljdHVyZXMuZXhhbXBsZTBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABNHHoT/YwBppLO1xADGO+vPwl5o21drLmCSQ
pqFtyBcxNGZE+y6IsAxNTv8wWERch4Quk75T/rGNO6rv/mn2k5qjcDBuMB0GA1Ud
DgQWBBRqGc36N06WZkTEJDwCEPaqCJcbDTAfBgNVHSMEGDAWgBRqGc36N06WZkTE
JDwCEPaqCJcbDTAPBgNVHRMBAf8EBTADAQH/MBsGA1UdEQQUMBKCEHBpY3R1cmVz
LmV4YW1wbGUwCgYIKoZIzj0EAwIDSAAwRQIhAN/swjHLzLlm8jgkYjvnwg+4M7hk
PkGa8IJ48l8Q2KfDAiApI9pq8hiXDAQKG2jSTm99Pwht6hPYbm2IMSrzRJ994A==
-----END CERTIFICATE-----`
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKRyTcmdId+QdiC46
TUxdil/WZPaa5XI295oFdkTGHkChRANCAATRx6E/2MAaaSztcQAxjvrz8JeaNtXa
y5gkkKahbcgXMTRmRPsuiLAMTU7/MFhEXIeELpO+U/6xjTuq7/5p9pOa
-----END PRIVATE KEY-----`
