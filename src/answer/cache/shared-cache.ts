/**
 * The second layer of the cache, and what a fleet agrees on: entries as bytes, who makes a missing one, and
 * which tags have been purged. It knows no HTTP.
 *
 * A cache that cannot be reached is an empty one: `get`, `set`, `delete` and `enter` never reject. An outage
 * is counted and said by the implementation, and the process goes on with its own memory.
 */
export interface SharedCache extends AsyncDisposable {
  /**
   * The value that was last kept under `key`, or nothing; bytes may come from another version of this
   * program.
   */
  get(key: string): Promise<Uint8Array | undefined>
  /** Keeps `value` for at most `keepMs`. It may be dropped sooner, for room. */
  set(key: string, value: Uint8Array, keepMs: number): Promise<void>
  delete(key: string): Promise<void>
  /**
   * Asks to be the one that makes the value of `key`. Of all that enter while a flight is under way, over the
   * whole fleet, one leads and the others follow.
   *
   * Without the fleet, the flight is that of this process. A leader holds its flight by a lease that is
   * renewed for as long as its process lives, so that a value may take longer to make than `leaseMs`.
   *
   * @param leaseMs how long after the death of a leader's process its followers learn of it, at most; above 0
   */
  enter(key: string, leaseMs: number): Promise<Flight>
  readonly purges: Purges
  /** Gives up the flights that this process leads. A second call does nothing. `await using` calls it too. */
  close(): Promise<void>
}

export type Flight = LeadFlight | FollowFlight

/**
 * This caller makes the value. It ends the flight by one call of `land` or `abandon`; further calls do
 * nothing.
 */
export interface LeadFlight {
  readonly role: 'lead'
  /**
   * Ends the flight with its value: keeps it as {@link SharedCache.set} does, and hands it to all who wait.
   *
   * @param value `undefined` when the value cannot be shared: followers go each on their own
   */
  land(value: Uint8Array | undefined, keepMs: number): Promise<void>
  /** Ends the flight without a value, e.g. because its caller left: its followers may enter again. */
  abandon(): Promise<void>
}

export interface FollowFlight {
  readonly role: 'follow'
  /**
   * Waits for the leader.
   *
   * @param signal ends the wait; the flight goes on without this follower
   * @returns the value; `'unshareable'` when each has to make its own; `'leader-lost'` when the leader died
   *   or gave up: enter again
   * @throws the signal's reason
   */
  wait(signal?: AbortSignal): Promise<Landing>
}

export type Landing = { readonly value: Uint8Array } | 'unshareable' | 'leader-lost'

/**
 * A soft purge makes entries stale, so that they may still be served while they are made anew; a hard one
 * ends them.
 */
export type PurgeMode = 'soft' | 'hard'

/**
 * Which tags have been purged, as this process has heard.
 *
 * Purges are numbered, rising over the whole fleet and never going back, also when what counts them is
 * restarted. An entry remembers `sequence` from before its making began. It is stale when that is below
 * {@link staleSince} of any of its tags, and gone when it is below {@link goneSince}; so an answer whose
 * making began before a purge never outlives it. All of this is read on the hot path and is O(1).
 */
export interface Purges {
  /**
   * The number of the last purge that this process has applied; all earlier ones have been applied, too. It
   * changes with each purge, so that while it stays the same nothing needs to be asked again.
   */
  readonly sequence: number
  /**
   * The number of the last soft purge of the tag; 0 for none. It may be that of a later purge, of other tags.
   */
  staleSince(tag: string): number
  /**
   * The number of the last hard purge of the tag; 0 for none. It may be that of a later purge, of other tags.
   */
  goneSince(tag: string): number
  /**
   * Purges all that carries one of `tags`. It takes one number and, a tag, constant time.
   *
   * @returns once every process that may serve from its memory has applied it, or may no longer do so because
   *   its membership has run out
   * @throws CachePurgeError when the fleet cannot be told; it has then been applied in this process alone
   */
  purge(tags: readonly string[], mode: PurgeMode): Promise<PurgeReceipt>
  /**
   * False while purges may have been missed, because this process has lost its membership: its memory may
   * hold what others have purged. Back to true only after the missed ones have been applied.
   */
  readonly current: boolean
}

/** What became of a purge. */
export interface PurgeReceipt {
  readonly sequence: number
  /** Processes that have said that they applied it, this one included. */
  readonly acknowledged: number
  /**
   * Processes that said nothing until their membership had run out: they serve nothing from memory that needs
   * it.
   */
  readonly lapsed: number
  /** From the call until the last of them. */
  readonly seconds: number
}
