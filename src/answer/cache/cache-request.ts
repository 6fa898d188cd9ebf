/**
 * What the cache has to know of a request. One object that has these members will do, the request's own unit
 * say.
 */
export interface CacheRequest<Request = unknown> {
  readonly method: string
  /** Path and query as they were sent. */
  readonly url: string
  /** Scheme and authority as the handler sees them, e.g. `https://shop.example`: part of each key. */
  readonly origin: string
  /** By lower-case name, as Node gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** The query as the handler sees it, parsed: what it is keyed by is then what the handler can depend on. */
  readonly query: unknown
  /** Parameters of the path, for the tags. */
  readonly params: unknown
  /**
   * Which form of the answer the caller wants, where somebody else than this cache has chosen it: part of the
   * key.
   * @default the only one
   */
  readonly variant?: string
  readonly tenant: string | undefined
  readonly user: string | undefined
  /** The caller's moment of arrival on the clock of the cache, in milliseconds. */
  readonly startedMs: number
  /** Aborts when nobody waits for the answer any more. Read only when there is something to wait for. */
  readonly signal: AbortSignal
  /** What the policy's functions get. */
  readonly source: Request
}

/** An answer as the handler made it. */
export interface MadeResponse {
  readonly status: number
  /** As Node's `getHeaders()` gives them: by lower-case name. */
  readonly headers: Readonly<Record<string, string | number | readonly string[] | undefined>>
  /** `undefined` for none, `null` for a stream, which cannot be kept. */
  readonly body: string | Uint8Array | undefined | null
  /** Tags beside those of the policy. @default none */
  readonly tags?: readonly string[]
}
