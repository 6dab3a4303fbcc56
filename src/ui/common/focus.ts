import type { Attachment } from "svelte/attachments"

/** Puts the focus into a field when it appears, or when the dialog that it is in opens. */
export const focusOnMount: Attachment<HTMLElement> = (element) => {
  element.autofocus = true
  element.focus({ preventScroll: true })
}
