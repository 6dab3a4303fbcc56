import { describe, expect, test } from "vitest"
import { isPublicUrl } from "./host-safety.ts"

describe("hosts that may be contacted", () => {
  test.each([
    "https://blossom.example.org/",
    "http://blossom.example.org:8080/x",
    "https://8.8.8.8/",
    "https://172.32.0.1/",
    "https://[2606:4700::1111]/",
  ])("%s", (url) => {
    expect(isPublicUrl(url)).toBe(true)
  })
})

describe("hosts that may not", () => {
  test.each([
    "no url",
    "ftp://blossom.example.org/",
    "https://user@blossom.example.org/",
    "http://localhost/",
    "http://a.localhost./",
    "http://printer/",
    "http://router.local/",
    "http://metadata.google.internal/",
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://10.1.2.3/",
    "http://100.64.0.1/",
    "http://169.254.169.254/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[2001::1]/",
    "http://[2002:7f00:1::]/",
    "http://[3fff::1]/",
  ])("%s", (url) => {
    expect(isPublicUrl(url)).toBe(false)
  })
})
