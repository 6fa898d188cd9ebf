import type { CacheRequest, MadeResponse } from './cache-request.ts'
import type { Forwarded } from './cache-status.ts'
import type { Entry } from './entry.ts'
import type { Answer, Miss, Unstored } from './found.ts'
import { keepAnswer } from './keep-answer.ts'
import type { LocalFlight } from './local-flights.ts'
import { asValue, remember, type RouteParts, staleIfError } from './route-parts.ts'
import { selectAnswer } from './select-answer.ts'
import type { LeadFlight } from './shared-cache.ts'
import type { StoredAnswer } from './stored-answer.ts'
import type { Refusal } from './storing.ts'

/** Which answer is missing, and who waits for it. */
export interface MissOptions<Request> {
  readonly request: CacheRequest<Request>
  readonly key: string
  readonly forwarded: Forwarded
  /** Those in this process who wait; undefined for none. */
  readonly flight: LocalFlight<Entry> | undefined
  /** Those in other processes who wait; undefined for none. */
  readonly lead: LeadFlight | undefined
  /** What there is, in case the route fails. */
  readonly stale: Entry | undefined
  readonly version: string | undefined
  /** Nobody gets the answer itself, and it is not counted. */
  readonly isBackground: boolean
}

export class RouteMiss<Request> implements Miss {
  readonly kind = 'miss'
  readonly #parts: RouteParts<Request>
  readonly #options: MissOptions<Request>
  /** From before the making: a purge that comes while it goes on counts. */
  readonly #sequence: number
  #ended = false

  constructor (parts: RouteParts<Request>, options: MissOptions<Request>) {
    this.#parts = parts
    this.#options = options
    this.#sequence = parts.purges.sequence
  }

  store (response: MadeResponse): Answer | Unstored {
    if (this.#ended) return this.#unstored('late')
    if (response.status >= 500) return this.fail() ?? this.#unstored('failed')
    this.#ended = true
    const stored = this.#judge(response)
    if (typeof stored === 'string') return this.#refuse(stored, response.status)
    const { request, key, flight, lead, forwarded } = this.#options
    const { flights, shared, status, clock, metrics } = this.#parts
    const entry = remember(this.#parts, stored)
    flights.unmark(key)
    if (lead !== undefined) void lead.land(...asValue(this.#parts, entry))
    else if (shared !== undefined) void shared.set(key, ...asValue(this.#parts, entry))
    flight?.land(entry)
    metrics.stores('stored').add()
    this.#count('miss')
    return selectAnswer(entry, request, clock.now(), { result: 'miss', statusHead: status.stored(forwarded) })
  }

  fail (): Answer | undefined {
    if (this.#ended) return undefined
    this.#ended = true
    const { request, flight, lead, stale } = this.#options
    flight?.land('failed')
    void lead?.land(undefined, 0)
    const answer = staleIfError(this.#parts, stale, request)
    this.#count(answer === undefined ? 'miss' : 'stale_if_error')
    return answer
  }

  refused (): Answer | undefined {
    const { stale, request } = this.#options
    if (!this.#ended && staleIfError(this.#parts, stale, request) === undefined) this.abandon()
    return this.fail()
  }

  abandon (): void {
    if (this.#ended) return
    this.#ended = true
    this.#options.flight?.land('lost')
    void this.#options.lead?.abandon()
    this.#count('miss')
  }

  #judge (response: MadeResponse): StoredAnswer | Refusal {
    const { rules, clock, notices, name } = this.#parts
    const { request, key, version } = this.#options
    const making = { key, version, sequence: this.#sequence, epochMs: clock.epochMs() }
    try {
      return keepAnswer(rules, request, response, making)
    } catch (error) {
      notices.failed(name, 'config.cache.tags', error)
      return 'tags'
    }
  }

  #refuse (reason: Refusal, status: number): Unstored {
    const { key, flight, lead, stale } = this.#options
    const { flights, memory, shared, clock, metrics, notices, name } = this.#parts
    flights.mark(key, clock.now())
    flight?.land('unshareable')
    void lead?.land(undefined, 0)
    // What there was has been superseded, unless this is only a word to one client.
    const isOfClient = status >= 400 && status !== 404 && status !== 410
    if (stale !== undefined && !isOfClient) {
      memory.delete(stale)
      void shared?.delete(key)
    }
    metrics.stores(reason).add()
    notices.unkept(name, reason)
    this.#count('miss')
    return this.#unstored(reason)
  }

  #count (result: 'miss' | 'stale_if_error'): void {
    if (!this.#options.isBackground) this.#parts.metrics.requests[result].add()
  }

  #unstored (reason: Unstored['reason']): Unstored {
    const { forwarded } = this.#options
    return { kind: 'unstored', reason, cacheStatus: this.#parts.status.unstored(forwarded, reason) }
  }
}
