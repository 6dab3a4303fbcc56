import type { Attachment } from "svelte/attachments"

/** Puts the focus into a field when it appears. */
export const focusOnMount: Attachment<HTMLElement> = (element) => {
  element.focus({ preventScroll: true })
}
