/** Something in a route that keeps it from being cached, or makes the cache fail: for its author. */
export interface CacheNotice {
  readonly route: string
  readonly reason: string
  /** What it is and what to do about it. */
  readonly message: string
  readonly error?: unknown
}

const explanations: Readonly<Record<string, string>> = {
  vary: 'its Vary names a header that is no part of the key; add it to config.cache.vary, or choose a scope',
  origin:
    "it repeats the caller's Origin without Vary: Origin; add 'origin' to config.cache.vary and to Vary",
  'set-cookie': 'it sets a cookie, which is for one client',
  private: 'its Cache-Control says private',
  'no-store': 'its Cache-Control says no-store, or cannot be read',
  'no-cache': 'its Cache-Control says no-cache and the route has no config.cache.version to validate it by',
  encoded: 'it was encoded before it was kept; let the cache encode it',
  stream: 'it is a stream; send it whole, or do not cache the route',
  'too-large': 'its body is larger than maxBody',
  tags:
    'it has more than 256 tags, or one that is empty, longer than 1024 characters or with control characters',
  credentials:
    "it came for a request with Authorization or Cookie; say credentials: 'ignore' if the answer is the same for all",
  'no-scope': 'nobody could be named for whom it would be kept',
}

/** Says each thing once a route. */
export class Notices {
  readonly #said: Set<string> = new Set()
  readonly #hear: ((notice: CacheNotice) => void) | undefined

  constructor (hear: ((notice: CacheNotice) => void) | undefined) {
    this.#hear = hear
  }

  /** An answer was not kept, where that is for the author to know. */
  unkept (route: string, reason: string): void {
    const explanation = explanations[reason]
    if (explanation !== undefined)
      this.say(route, reason, `an answer of ${route} was not kept: ${explanation}`)
  }

  failed (route: string, what: string, error: unknown): void {
    this.say(route, what, `${what} of ${route} failed; the cache goes on without it`, error)
  }

  say (route: string, reason: string, message: string, error?: unknown): void {
    if (this.#hear === undefined) return
    const mark = `${reason} ${route}`
    if (this.#said.has(mark)) return
    this.#said.add(mark)
    this.#hear({ route, reason, message, error })
  }
}
