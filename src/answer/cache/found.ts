import type { MadeResponse } from './cache-request.ts'
import type { Refusal } from './storing.ts'

/** What the cache says to a request. */
export type Found = Answer | Miss | Bypass

/** How a request was answered; the label `result` of `plimsoll_cache_requests_total`. */
export type CacheResult =
  /** From an entry that was fresh. */
  | 'hit'
  /** From one that was stale, while it is made anew. */
  | 'stale'
  /** From one that was stale, because it could not be made anew. */
  | 'stale_if_error'
  /** From one that was stale, and is fresh again because its version is still current. */
  | 'validated'
  /** From the answer that was made for another request at the same time. */
  | 'collapsed'
  /** The route ran. */
  | 'miss'
  /** The request had nothing to do with the cache. */
  | 'bypass'
  /** 504: the client wanted nothing but what is kept, and nothing is. */
  | 'only_if_cached'

/**
 * An answer that is ready to be sent: `raw.writeHead(status, headers)`, then `raw.end(body, 'latin1')`.
 *
 * It belongs to its entry and is changed once a second, so send it in the turn in which you got it, or keep
 * its `headers`.
 */
export interface Answer {
  readonly kind: 'answer'
  readonly result: CacheResult
  /** 200, 304, 206, 416, or whatever status was kept. */
  readonly status: number
  /** Names and values in turn, as `writeHead` takes them; a new list for each reading. Node adds `Date`. */
  readonly headers: readonly string[]
  /** The same as the lines of a head, but for `content-length`; made once a second. */
  readonly lines: string
  /**
   * A string is plain ASCII, so that Node can send it in one piece with the headers. Nothing for HEAD and
   * 304.
   */
  readonly body: string | Buffer | undefined
  /**
   * There for the one request of many that has to have the entry made anew, after it has been answered: call
   * it, and when it gives a miss run the route in the background, as for any miss. Nobody else will while it
   * is under way.
   */
  readonly refresh: (() => Promise<Miss | undefined>) | undefined
}

/**
 * Nothing is kept: the route has to run. It ends by exactly one of the calls below; further ones do nothing.
 */
export interface Miss {
  readonly kind: 'miss'
  /**
   * The route has answered. The answer is kept where all rules allow it, and those who wait for it get it.
   *
   * A 5xx is taken for a failure, see {@link Miss.fail}.
   *
   * @returns what to send: the answer as the cache gives it (with its validators, perhaps as a 304 or 206),
   *   or an older one when the route failed; `Unstored` when what the handler made is to be sent as it is
   */
  store(response: MadeResponse): Answer | Unstored
  /** The route failed. @returns an older answer, where the policy allows it */
  fail(): Answer | undefined
  /**
   * The route was refused before it ran. @returns an older answer, where the policy allows it; else one of those who
   * wait takes over, so that they do not ask for room all at once
   */
  refused(): Answer | undefined
  /** The caller has left, and nothing is known of the answer: one of those who wait for it takes over. */
  abandon(): void
}

/** The answer was not kept. */
export interface Unstored {
  readonly kind: 'unstored'
  /** `'late'`: the miss had ended before. */
  readonly reason: Refusal | 'failed' | 'late'
  /** The value of `Cache-Status` for it. */
  readonly cacheStatus: string
}

/** Why a request has nothing to do with the cache; the member `detail` of `Cache-Status`. */
export type BypassReason =
  | 'method'
  | 'body'
  | 'credentials'
  | 'no-scope'
  | 'url-too-long'
  | 'not-acceptable'
  | 'range'
  | 'condition'
  | 'request'

export interface Bypass {
  readonly kind: 'bypass'
  readonly reason: BypassReason
  /** The value of `Cache-Status` for the answer. */
  readonly cacheStatus: string
}
