// What a process takes of memory and time, where the system says so (Linux).

import { getPriority, setPriority } from "node:os"
import { readFileSync, readdirSync, writeFileSync } from "node:fs"

export interface ProcessMemory {
  /** Resident now, and at most; 0 where the system does not say. */
  readonly rssMB: number
  readonly peakMB: number
}

export function memoryOf(pid: string): ProcessMemory {
  return { rssMB: fieldOf(pid, "VmRSS"), peakMB: fieldOf(pid, "VmHWM") }
}

/** From here on the most that the process takes is counted anew, where the system can do it. */
export function forgetPeak(pid: string): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5")
  } catch {
    // It stays the most since the process began.
  }
}

/** Milliseconds of CPU in all its threads since it began; 0 where the system does not say. */
export function cpuOf(pid: string): number {
  // After the command's name, which may hold anything: user and system time in hundredths of a second (proc_pid_stat).
  const fields = contentsOf(pid, "stat").split(") ").at(-1)?.split(" ") ?? []
  return 10 * (Number(fields[11] ?? 0) + Number(fields[12] ?? 0))
}

/** As urgent as this process is: Chromium starts its renderers with the usual priority. */
export function asUrgentAsWe(pid: string): void {
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`))
      setPriority(Number(thread), getPriority())
  } catch {
    // It stays as urgent as it was.
  }
}

/** The largest renderer below the browser on this profile: it is the page's. Empty where there is none. */
export function rendererOf(user: string): string {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
  const browser = all.filter((pid) => contentsOf(pid, "cmdline").includes(user))
  const family = new Set(browser)
  // Children may come before their parents in the list.
  for (let before = 0; before < family.size;) {
    before = family.size
    for (const pid of all) if (family.has(parentOf(pid))) family.add(pid)
  }
  const renderers = [...family].filter((pid) =>
    contentsOf(pid, "cmdline").includes("--type=renderer"),
  )
  return renderers.sort((a, b) => memoryOf(b).peakMB - memoryOf(a).peakMB)[0] ?? ""
}

function contentsOf(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    return ""
  }
}

function parentOf(pid: string): string {
  return /^PPid:\s+(\d+)$/m.exec(contentsOf(pid, "status"))?.[1] ?? ""
}

/** In megabytes. */
function fieldOf(pid: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(contentsOf(pid, "status"))
  return Number(found?.[1] ?? 0) * 1.024e-3
}
