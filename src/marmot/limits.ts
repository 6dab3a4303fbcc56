// Marmot convergence §8.1 (policy version 1, pinned, never tuned) and the bounds that are ours.

/** No relevant input for this long ends a pass (milliseconds). */
export const QUIESCENCE_MS = 1000
/** A pass never lasts longer (milliseconds). */
export const MAX_PASS_MS = 5000
/** Epochs beyond a pass' base that it weighs when stored history is read; what follows is for the next pass. */
export const CATCH_UP_WINDOW = 5
/** Epochs that a selection may go back. */
export const MAX_REWIND = 5
/** Epochs behind the tip in which application messages still count. */
export const APP_WINDOW = 5

/** A message of ours that is this many epochs old without an acknowledgement is encrypted anew. */
export const RESEND_AFTER = 2
/** So is one that was acknowledged this short a time before the group turned out to be beyond its window (milliseconds). */
export const RESEND_WITHIN_MS = 30_000
/** And so often at most: a group that goes on this fast for long must not repeat all that was said in it. */
export const MAX_REPEATS = 2
/** How long after it was said a message that some relays never got may be encrypted anew because of that (seconds). */
export const RESEND_FOR = 7 * 86_400

/** So many events that don't open, dated so long after we joined (seconds), are suspect where nobody else is heard. */
export const UNHEARD_EVENTS = 3
export const UNHEARD_AFTER = 60

/** Stored history that pauses for so long is taken to be read (milliseconds). */
export const READING_PAUSE_MS = 60_000
/** States beyond the horizon that still open messages of stored history, the latest ones. */
export const MAX_PASSED_STATES = 128
/** Characters of content, times the keys that are tried on it, that one step spends on what only they might open. */
export const MAX_PASSED_EFFORT = 8 * 1024 * 1024

/** Events that no state opens yet; beyond it they are refused and fetched again later. */
export const MAX_UNOPENED = 256
/** Their content together (characters of base64): anyone can post them, and each new state tries them all. */
export const MAX_UNOPENED_SIZE = 4 * 1024 * 1024
/** Unopened events are given up after this long (milliseconds): 30 days. */
export const UNOPENED_LIFETIME_MS = 30 * 24 * 3600 * 1000
/** So many steps that bring new states may fail to open an event; then it makes room, and is fetched again later. */
export const MAX_UNOPENED_ATTEMPTS = 32
/** Distinct events at one epoch that nothing opens, before we suspect that a Commit is missing. */
export const STALL_THRESHOLD = 8
/** The first answers to a stall look back so far (seconds), beyond the transport's own overlap. */
export const STALL_LOOKBACK = 120
/** This stall in a row, and each after it, asks for everything that relays hold. */
export const FULL_HISTORY_ARM = 3
/** At this stall in a row nothing is asked any more: asking does not help. */
export const MAX_ARMS = 4
/** Relays are asked again at most this often; the pause doubles, up to a day (milliseconds). */
export const BACKFILL_PAUSE_MS = 60_000
export const LONGEST_BACKFILL_PAUSE_MS = 24 * 3600 * 1000
/** Commits that wait for a proposal. */
export const MAX_DEFERRED = 64
/** Standalone proposals for one epoch. */
export const MAX_PROPOSALS = 1000
/** Standalone proposals of one leaf for one epoch; more are taken only where a Commit waits for them. */
export const MAX_PROPOSALS_OF_LEAF = 16
/** Wishes of the user that wait for the group to settle. */
export const MAX_INTENTS = 256
/** Retained states, rivals included; beyond it only a member's first Commit at the tip is taken. */
export const MAX_STATES = 512
/** Commits by one member on the same state; it takes one, and a crash at the wrong time, to make two. */
export const MAX_SIBLINGS = 16
/** A Welcome waits this long after the Commit's acknowledgement, so that a rival Commit can show itself first. */
export const WELCOME_DELAY_MS = 1000
/** Refused Commits of ours that are kept aside, the latest ones. */
export const MAX_ABANDONED = 16
/** A disband that every relay refused is tried again after this long; the pause doubles, up to an hour (milliseconds). */
export const DISBAND_PAUSE_MS = 10_000
export const LONGEST_DISBAND_PAUSE_MS = 3600 * 1000
/** Earlier routing addresses that are still listened to. */
export const MAX_PRIOR_ROUTES = 32
