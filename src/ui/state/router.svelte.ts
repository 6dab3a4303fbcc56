// Where the user is, in the address: `#/` or `#/g/<groupId>`. A reload returns to the same place.

export class Router {
  groupId = $state<string | undefined>(parse(location.hash))

  constructor() {
    window.addEventListener("hashchange", () => {
      this.groupId = parse(location.hash)
    })
  }

  openGroup(groupId: string): void {
    this.#go(groupHref(groupId))
  }

  /** Back to the list. `replace` when the group is gone, so that "back" does not return to it. */
  openList(replace = false): void {
    if (!replace) {
      this.#go("#/")
      return
    }
    history.replaceState(null, "", "#/")
    this.groupId = undefined
  }

  #go(hash: string): void {
    location.hash = hash
    this.groupId = parse(hash)
  }
}

export function groupHref(groupId: string): string {
  return `#/g/${groupId}`
}

function parse(hash: string): string | undefined {
  return /^#\/g\/([0-9a-f]{2,128})$/.exec(hash)?.[1]
}
