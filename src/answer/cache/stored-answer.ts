/** An answer as it is kept, in memory and in the layers below it. */
export interface StoredAnswer {
  /** The whole key, so that a value that came under another one is known for foreign. */
  readonly key: string
  readonly status: number
  /**
   * Names and values in turn; without those that are written for each answer anew (length, age, tag,
   * `Cache-Status`).
   */
  readonly headers: readonly string[]
  readonly body: Buffer
  /** Undefined where answers of this status have none. */
  readonly etag: string | undefined
  readonly tags: readonly string[]
  /** The number of the last purge that its maker had heard of when its making began. */
  readonly sequence: number
  readonly version: string | undefined
  /** When it was made, or last validated, in milliseconds since the epoch. */
  readonly madeEpochMs: number
  /** From then on. */
  readonly freshMs: number
  /** Beyond freshness. */
  readonly staleWhileRevalidateMs: number
  /** Beyond freshness. */
  readonly staleIfErrorMs: number
  /** Not even to a client that takes stale answers. */
  readonly neverStale: boolean
}

/** How long an answer is of any use, from when it was made. */
export function usefulMs (answer: Omit<StoredAnswer, 'body' | 'sequence'>): number {
  const { freshMs, staleWhileRevalidateMs, staleIfErrorMs, version } = answer
  // One with a version can be validated for as long again.
  const spareMs = version === undefined ? 0 : Math.max(freshMs, 60_000)
  return freshMs + Math.max(staleWhileRevalidateMs, staleIfErrorMs, spareMs)
}
