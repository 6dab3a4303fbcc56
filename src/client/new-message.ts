// What the user wants to say, before it is an event.

export interface NewMessage {
  readonly content: string
  readonly replyTo?: string
  readonly kind?: number
  readonly tags?: readonly (readonly string[])[]
}
