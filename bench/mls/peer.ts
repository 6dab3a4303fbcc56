// What the benchmark asks of an implementation of MLS. Every operation goes from wire bytes to wire bytes.

/** A key package: what its owner keeps, and what others see (an MLSMessage). */
export interface KeyPackage<Own> {
  readonly own: Own
  readonly wire: Uint8Array
}

/** States are values: every operation leaves the one that it was given as it was. */
export interface Peer<Own, State> {
  readonly name: string
  keyPackage(identity: Uint8Array): Promise<KeyPackage<Own>>
  createGroup(own: Own, groupId: Uint8Array): Promise<State>
  /** One Commit with an Add for each, and one Welcome that carries the tree. */
  addMembers(
    state: State,
    keyPackages: readonly Uint8Array[],
  ): Promise<{ readonly state: State; readonly commit: Uint8Array; readonly welcome: Uint8Array }>
  join(own: Own, welcome: Uint8Array): Promise<State>
  /** An empty Commit with a path. */
  commit(state: State): Promise<Sent<State>>
  process(state: State, commit: Uint8Array): Promise<State>
  encrypt(state: State, text: Uint8Array): Promise<Sent<State>>
  decrypt(
    state: State,
    message: Uint8Array,
  ): Promise<{ readonly state: State; readonly text: Uint8Array }>
  /** What all members of an epoch must have in common. */
  authenticator(state: State): Uint8Array
  /**
   * The state of another member who joined by the same Welcome, made from `state` without joining again. Where it is
   * absent, every member that the benchmark needs joins by itself.
   */
  asMember?(state: State, own: Own, leafIndex: number): State
}

export interface Sent<State> {
  readonly state: State
  readonly wire: Uint8Array
}

/** What every leaf says of itself, the same for all peers: their work is on equal bytes. */
export const said = {
  versions: [1],
  cipherSuites: [1, 2, 3, 4, 5, 6, 7],
  credentials: [1, 2],
  dayBefore: 86_400,
  daysAfter: 14 * 86_400,
} as const
