/** What a store says of a nonce: not seen before and now remembered; seen; or no room to remember it. */
export type ReplayAnswer = 'new' | 'seen' | 'full'

/**
 * Where used nonces are remembered. `remember` is atomic: of any number of calls with one key within its time, at
 * most one is answered `new`. Nothing is forgotten before its time, so a store that has no room says `full`.
 * There is on purpose no look without remembering: its answer would be stale before it could be used.
 */
export interface ReplayStore extends AsyncDisposable {
  readonly name: string
  /**
   * @param key short: a hash of key and nonce, not the nonce itself
   * @param ttlMs how long to remember it, in milliseconds, above 0
   * @throws when the store cannot be reached; it never guesses
   */
  remember(key: string, ttlMs: number): ReplayAnswer | Promise<ReplayAnswer>
  /** Frees what the store opened itself; a second call does nothing. */
  close(): Promise<void>
}
