import {
  CallerGoneError,
  Deadline,
  DeadlineExceededError,
  fullJitter,
  Problem,
  sleep,
} from '../../kernel/index.ts'
import { keep, type StoredAnswer } from './answer.ts'
import { fingerprint, lookupKey } from './fingerprint.ts'
import type { Heartbeat } from './heartbeat.ts'
import { IdempotentUnit, renewUntilMs } from './idempotent-unit.ts'
import { type InFlight, type InFlightEntry, orLate } from './in-flight.ts'
import { readKey } from './key.ts'
import type { IdempotentRouteOptions, ResolvedOptions, UnknownRuling, WhenUnknown } from './options.ts'
import type { OutcomeCounters } from './outcomes.ts'
import { type IdempotencyProblemCode, idempotencyProblems } from './problems.ts'
import type { Claim, Claimed, KeyLease } from './store.ts'

/** What a route has to know of a request. */
export interface IdempotentRequest {
  /** `Idempotency-Key` as Node gives it. */
  readonly header: string | readonly string[] | undefined
  /** Path and query as requested. */
  readonly target: string
  /** Whose request it is; the same key of two tenants is two keys. */
  readonly tenant?: string | undefined
  /** Parsed JSON, or the bytes or text of anything else; undefined for none. */
  readonly body?: unknown
  /** Stands for a body that is not read as a whole, e.g. its verified Content-Digest. */
  readonly digest?: string | undefined
  /** Ends the wait for another request's answer, and bounds how long the lease is renewed. @default none */
  readonly deadline?: Deadline
  /** Ends the wait too: the client has gone. */
  readonly signal?: AbortSignal | undefined
}

/** How a request goes on. */
export type Begun<Tx = unknown> =
  /** It has no key, and the route does not need one: run it as any other. */
  | { readonly kind: 'none' }
  /** It is the one that runs. */
  | { readonly kind: 'run'; readonly unit: IdempotentUnit<Tx> }
  /** Send this with `Idempotent-Replayed: true`; `waited` says that the answer was made meanwhile. */
  | { readonly kind: 'replay'; readonly answer: StoredAnswer; readonly waited: boolean }
  /** `retryAfterSeconds` is for Retry-After, and in the problem too. */
  | { readonly kind: 'refused'; readonly problem: Problem; readonly retryAfterSeconds: number | undefined }

/** What the routes of a service share. */
export interface RouteParts<Tx> {
  readonly options: ResolvedOptions<Tx>
  readonly inFlight: InFlight
  readonly heartbeat: Heartbeat
  readonly counters: OutcomeCounters
}

export interface ResolvedRoute {
  readonly mode: IdempotentRouteOptions['mode']
  readonly method: string
  readonly pattern: string
  readonly waitMs: number
  readonly keepMs: number
  readonly whenUnknown: WhenUnknown
}

/** One request on its way in; it lives until it runs, is replayed or is refused. */
interface Asking {
  readonly request: IdempotentRequest
  readonly deadline: Deadline
  readonly keyText: string
  /** The lookup key as text. */
  readonly id: string
  readonly claim: Claim
  /** When it stops to wait, on the clock's `now()`. */
  readonly patienceEndsMs: number
}

const none: Begun<never> = { kind: 'none' }

/** The first look at whether another worker is done comes about so soon; later ones are rarer, up to `capMs`. */
const polling = { baseMs: 10, capMs: 250 } as const

/** The idempotency keys of one route. */
export class IdempotentRoute<Tx = unknown> {
  readonly #parts: RouteParts<Tx>
  readonly #route: ResolvedRoute

  constructor (parts: RouteParts<Tx>, route: ResolvedRoute) {
    this.#parts = parts
    this.#route = route
  }

  /**
   * Decides how a request goes on. Of all requests with one key, one runs at a time; the others wait for its
   * answer, as long as they can. It is a promise only where the store has to be asked.
   *
   * @throws DeadlineExceededError, CallerGoneError when nobody waits for this request any more; any other failure
   *   is a refusal
   */
  begin (request: IdempotentRequest): Begun<Tx> | Promise<Begun<Tx>> {
    const { header } = request
    if (header === undefined) {
      if (this.#route.mode === 'accepted') return none
      this.#parts.counters.missing.add()
      return refused('IDEMPOTENCY_KEY_MISSING')
    }
    const { clock, strict, leaseMs } = this.#parts.options
    const keyText = readKey(header, strict)
    if (keyText === undefined) return this.#invalid('IDEMPOTENCY_KEY_INVALID')
    const { tenant, target, body, digest, deadline = Deadline.none } = request
    const { method, pattern, keepMs, waitMs } = this.#route
    const mark = fingerprint({ tenant, method, target, body, digest })
    if (mark === undefined) return this.#invalid('IDEMPOTENCY_BODY_INVALID')
    const key = lookupKey({ tenant, method, pattern }, keyText)
    return this.#ask({
      request,
      deadline,
      keyText,
      id: key.toString('latin1'),
      claim: { key, fingerprint: mark, leaseMs, keepMs },
      patienceEndsMs: clock.now() + Math.min(waitMs, deadline.remainingMs()),
    })
  }

  #invalid (code: IdempotencyProblemCode): Begun<Tx> {
    this.#parts.counters.invalid.add()
    return refused(code)
  }

  /** Waits behind whoever in this worker is busy with the key; else becomes the one who asks the store. */
  async #ask (asking: Asking): Promise<Begun<Tx>> {
    const { inFlight, options: { clock, leaseMs } } = this.#parts
    const { id, claim, patienceEndsMs, request: { signal } } = asking
    let waited = false
    for (;;) {
      const busy = inFlight.get(id)
      const nowMs = clock.now()
      // A handler may never end, and then its lease does: from there on the store decides, as for other workers.
      if (busy === undefined || busy.leaseEndsMs <= nowMs) {
        const entry = inFlight.enter(id, claim.fingerprint, nowMs + leaseMs)
        return await this.#askStore(asking, entry, waited)
      }
      // Another request under this key: only the store can say which of the two the key stands for.
      if (!busy.fingerprint.equals(claim.fingerprint)) return await this.#askStore(asking, undefined)
      waited = true
      const leaseLeftMs = busy.leaseEndsMs - nowMs
      const leftMs = patienceEndsMs - nowMs
      const answer = await orLate(busy.done, Math.min(leftMs, leaseLeftMs), 'late' as const, {
        clock,
        signal,
      })
      if (answer === 'late') {
        if (leaseLeftMs < leftMs && signal?.aborted !== true) continue
        return this.#conflict(busy.leaseEndsMs - clock.now())
      }
      if (answer !== undefined) return this.#replay(answer, true)
    }
  }

  /** @param entry lets the others of this worker wait; it is ended here unless the request runs */
  async #askStore (asking: Asking, entry: InFlightEntry | undefined, waited = false): Promise<Begun<Tx>> {
    let answer: StoredAnswer | undefined
    let runs = false
    try {
      const claimed = await this.#claimInTime(asking, entry)
      if (claimed.kind === 'reused') {
        this.#parts.counters.reused.add()
        return refused('IDEMPOTENCY_KEY_REUSED')
      }
      if (claimed.kind === 'held') return this.#conflict(claimed.leaseLeftMs)
      if (claimed.kind === 'answered') {
        answer = claimed.answer
        return this.#replay(answer, waited || claimed.waited)
      }
      const begun = await this.#take(asking, claimed, entry ?? this.#enter(asking))
      runs = begun.kind === 'run'
      return begun
    } catch (error) {
      if (error instanceof DeadlineExceededError || error instanceof CallerGoneError) throw error
      this.#parts.counters.unavailable.add()
      return refused('IDEMPOTENCY_UNAVAILABLE', 1, error)
    } finally {
      if (!runs) entry?.end(answer)
    }
  }

  /** Claims the key, again and again while another worker holds it and there is time. */
  async #claimInTime (
    asking: Asking,
    entry: InFlightEntry | undefined
  ): Promise<Claimed & { waited: boolean }> {
    const { options: { store, clock, random } } = this.#parts
    const { claim, patienceEndsMs, request: { signal } } = asking
    for (let attempt = 1;; attempt++) {
      const claimed = await store.claim(claim)
      const leftMs = patienceEndsMs - clock.now()
      if (claimed.kind !== 'held' || leftMs <= 0) return { ...claimed, waited: attempt > 1 }
      if (entry !== undefined) entry.leaseEndsMs = clock.now() + claimed.leaseLeftMs
      try {
        await sleep(
          clock,
          Math.min(leftMs, polling.baseMs / 2 + fullJitter(attempt, polling, random)),
          signal
        )
      } catch {
        return { ...claimed, waited: true } // the client has gone
      }
    }
  }

  async #take (
    asking: Asking,
    { lease, previous }: Extract<Claimed, { kind: 'taken' }>,
    entry: InFlightEntry
  ): Promise<Begun<Tx>> {
    const { options: { clock, longestMs }, counters } = this.#parts
    const unit = this.#unitOf(asking, lease, entry, renewUntilMs(asking.deadline, clock.now(), longestMs))
    if (previous !== 'unknown') {
      counters[previous === 'none' ? 'fresh' : 'taken_over'].add()
      return { kind: 'run', unit }
    }
    counters.unknown.add()
    let ruling: UnknownRuling
    try {
      ruling = await this.#rule(asking)
    } catch (error) {
      await unit.release() // it stays unknown
      throw error
    }
    if (ruling === 'retry') return { kind: 'run', unit }
    if (ruling === 'refuse') {
      await unit.release()
      return refused('IDEMPOTENCY_OUTCOME_UNKNOWN')
    }
    const kept = await unit.finish(ruling) ?? keep(ruling, this.#parts.options.limits)
    return this.#replay(kept, false)
  }

  async #rule ({ request: { tenant, body }, keyText }: Asking): Promise<UnknownRuling> {
    const { whenUnknown } = this.#route
    return typeof whenUnknown === 'string' ? whenUnknown : await whenUnknown({ tenant, key: keyText, body })
  }

  #unitOf (asking: Asking, lease: KeyLease, entry: InFlightEntry, untilMs: number): IdempotentUnit<Tx> {
    const { options: { store, limits }, heartbeat, counters } = this.#parts
    const follow = (): Promise<StoredAnswer> => this.#follow(asking)
    return new IdempotentUnit<Tx>({ store, lease, limits, entry, heartbeat, untilMs, counters, follow })
  }

  /** For a request whose lease was taken over: the other's answer. It does not run again. */
  async #follow (asking: Asking): Promise<StoredAnswer> {
    const begun = await this.#ask(asking)
    if (begun.kind === 'replay') return begun.answer
    if (begun.kind === 'refused') throw begun.problem
    if (begun.kind === 'run') await begun.unit.release()
    throw conflict(1).problem
  }

  #enter ({ id, claim }: Asking): InFlightEntry {
    const { inFlight, options: { clock, leaseMs } } = this.#parts
    return inFlight.enter(id, claim.fingerprint, clock.now() + leaseMs)
  }

  #conflict (leaseLeftMs: number): Begun<Tx> {
    this.#parts.counters.conflict.add()
    return conflict(Math.max(1, Math.ceil(leaseLeftMs / 1000)))
  }

  #replay (answer: StoredAnswer, waited: boolean): Begun<Tx> {
    this.#parts.counters[waited ? 'waited' : 'replayed'].add()
    if (answer.body !== undefined) return { kind: 'replay', answer, waited }
    const location = answer.headers.find(([name]) => name === 'location')?.[1]
    const problem = new Problem(idempotencyProblems.IDEMPOTENCY_ANSWER_NOT_KEPT, {
      extensions: { firstStatus: answer.status, ...(location === undefined ? {} : { location }) },
    })
    return { kind: 'refused', problem, retryAfterSeconds: undefined }
  }
}

type Refused = Extract<Begun<never>, { kind: 'refused' }>

function conflict (retryAfterSeconds: number): Refused {
  return refused('IDEMPOTENCY_IN_FLIGHT', retryAfterSeconds)
}

function refused (code: IdempotencyProblemCode, retryAfterSeconds?: number, cause?: unknown): Refused {
  const extensions = retryAfterSeconds === undefined ? {} : { retryAfterSeconds }
  const problem = new Problem(idempotencyProblems[code], { extensions, cause })
  return { kind: 'refused', problem, retryAfterSeconds }
}
