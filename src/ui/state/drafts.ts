// Unsent text per group, for as long as the tab lives.

const prefix = "burrow.draft."
const memory = new Map<string, string>()

export function readDraft(groupId: string): string {
  return memory.get(groupId) ?? session()?.getItem(prefix + groupId) ?? ""
}

export function keepDraft(groupId: string, text: string): void {
  memory.set(groupId, text)
  try {
    if (text === "") session()?.removeItem(prefix + groupId)
    else session()?.setItem(prefix + groupId, text)
  } catch {
    // Storage is full or forbidden: memory has it.
  }
}

export function forgetDrafts(): void {
  memory.clear()
  const storage = session()
  if (storage === undefined) return
  for (const key of Object.keys(storage)) if (key.startsWith(prefix)) storage.removeItem(key)
}

function session(): Storage | undefined {
  try {
    return window.sessionStorage
  } catch {
    return undefined
  }
}
