import type { Clock } from '../../../kernel/index.ts'
import type { Share } from '../arrivals/index.ts'
import {
  type Client,
  Exchange,
  type KeptResponse,
  type PreparedRequest,
  prepareRequest,
  type ReadResponse,
  type Target,
} from '../client/index.ts'
import type { JourneyAnswer } from '../journey.ts'
import type { RequestSpec } from '../plan.ts'
import type { FailureKind } from '../report.ts'
import { answerOf } from './answer.ts'
import type { JourneyBook } from './journey-book.ts'
import type { Recorder, RequestRecord } from './recorder.ts'
import { Walk, type WalkGuide } from './walk.ts'

export interface GuideOptions {
  readonly clock: Clock
  readonly client: Client
  readonly recorder: Recorder
  readonly book: JourneyBook
  readonly share: Share
  readonly targets: readonly Target[]
  /** Of each phase, whether it is left out of the figures. */
  readonly warmUps: readonly boolean[]
  readonly maxInFlight: number
  /** For requests without their own. */
  readonly patienceMs: number
  /** Requests say that their connection ends with them. */
  readonly closes: boolean
  /** Calls back at a time. */
  readonly later: (atMs: number, run: () => void) => void
  /** Something is to be looked at by then. */
  readonly wake: (atMs: number, nowMs: number) => void
  /** Called when no journey is under way any more. */
  readonly onNobody: () => void
}

/** How many journeys came to which end; those of warm-ups are not counted. */
export interface JourneyEnds {
  started: number
  completed: number
  broken: number
}

/** Leads users through their journeys: sends each step when it is due, and judges and counts its answer. */
export class Guide implements WalkGuide {
  readonly counts: JourneyEnds = { started: 0, completed: 0, broken: 0 }
  /** Journeys that have begun, warm-ups included. */
  begun = 0
  /** Journeys that are not over. */
  underWay = 0
  readonly #options: GuideOptions
  readonly #prepared = new WeakMap<RequestSpec, { request: PreparedRequest; record: RequestRecord }>()

  constructor (options: GuideOptions) {
    this.#options = options
  }

  stepAnswered (
    walk: Walk,
    exchange: Exchange,
    response: ReadResponse,
    kept: KeptResponse | undefined
  ): void {
    const nowMs = this.#options.clock.now()
    const { statusCode, bodyBytes } = response
    const expected = walk.step.judge === undefined ?
      walk.request.expects(statusCode) :
      this.#judge(walk, answerOf(response, kept, true))
    this.#options.recorder.ended(walk, {
      outcome: statusCode,
      expected,
      latencyMs: nowMs - exchange.intendedMs,
      serviceMs: nowMs - exchange.sentMs,
      bytesReceived: bodyBytes,
    })
    if (!expected) walk.broken = true
    if (this.#options.book.readsAnswers) this.#goOn(walk, answerOf(response, kept, expected), nowMs, nowMs)
    else if (expected) this.#goOn(walk, undefined, nowMs, nowMs)
    else this.#end(walk)
  }

  stepFailed (walk: Walk, exchange: Exchange, kind: FailureKind): void {
    const nowMs = this.#options.clock.now()
    this.#options.recorder.ended(walk, {
      outcome: kind,
      expected: false,
      latencyMs: nowMs - exchange.intendedMs,
      serviceMs: exchange.sentMs === 0 ? Number.NaN : nowMs - exchange.sentMs,
      bytesReceived: 0,
    })
    this.#breakOff(walk)
  }

  /**
   * Starts a journey.
   *
   * @param journey its index, or -1 to have it chosen
   * @param onEnd called once, when it is over; `pause` says that its user is not to come again at once
   */
  arrive (atMs: number, phase: number, journey: number, onEnd?: (pause: boolean) => void): void {
    const { share: { thread, threads }, targets } = this.#options
    const iteration = this.begun++ * threads + thread
    if (!this.#isWarmUp(phase)) this.counts.started++
    this.underWay++
    const place = { target: iteration % targets.length, phase }
    let steps
    try {
      steps = this.#options.book.begin(iteration, journey)
    } catch (error) {
      this.#options.recorder.complain('code', '', messageOf(error))
    }
    const walk = new Walk(this, steps ?? [].values(), place, onEnd)
    walk.broken = steps === undefined
    this.#goOn(walk, undefined, atMs, atMs)
  }

  /** Takes a walk's next step. @param readyMs when the one before was done; the user thinks from then on */
  #goOn (walk: Walk, answer: JourneyAnswer | undefined, readyMs: number, nowMs: number): void {
    let result
    try {
      result = answer === undefined ? walk.steps.next() : walk.steps.next(answer)
      if (result.done === true) return this.#end(walk)
      walk.step = result.value
      const { request, record } = this.#prepare(result.value.request)
      walk.request = request
      walk.record = record
    } catch (error) {
      this.#options.recorder.complain(
        'code',
        result?.value?.request.name ?? walk.record?.name ?? '',
        messageOf(error)
      )
      return this.#breakOff(walk)
    }
    const { thinkMs = 0 } = walk.step
    const dueMs = readyMs + thinkMs
    if (thinkMs > 0 && dueMs > nowMs) this.#options.later(dueMs, () => this.#send(walk, dueMs))
    else this.#send(walk, dueMs)
  }

  #send (walk: Walk, intendedMs: number): void {
    if (this.#options.client.inFlight >= this.#options.maxInFlight) {
      this.#options.recorder.dropped(walk)
      return this.#breakOff(walk)
    }
    const { request, step, target } = walk
    const nowMs = this.#options.clock.now()
    this.#options.recorder.begun(walk, nowMs - intendedMs, request.bytes[target]?.length ?? 0)
    this.#options.client.begin(new Exchange(walk, request, target, intendedMs, step.keep === true))
    this.#options.wake(intendedMs + request.patienceMs, nowMs)
  }

  #prepare (spec: RequestSpec): { request: PreparedRequest; record: RequestRecord } {
    const known = this.#prepared.get(spec)
    if (known !== undefined) return known
    const request = prepareRequest(spec, this.#options)
    const made = { request, record: this.#options.recorder.record(spec.name) }
    this.#prepared.set(spec, made)
    return made
  }

  #judge (walk: Walk, answer: JourneyAnswer): boolean {
    let wrong: string | undefined
    try {
      wrong = walk.step.judge?.(answer)
      if (wrong !== undefined) this.#options.recorder.complain('judge', walk.request.name, wrong)
    } catch (error) {
      wrong = messageOf(error)
      this.#options.recorder.complain('code', walk.request.name, wrong)
    }
    return wrong === undefined
  }

  #breakOff (walk: Walk): void {
    walk.broken = true
    try {
      walk.steps.return?.()
    } catch (error) {
      this.#options.recorder.complain('code', walk.record?.name ?? '', messageOf(error))
    }
    this.#end(walk)
  }

  #end (walk: Walk): void {
    this.underWay--
    if (!this.#isWarmUp(walk.phase)) {
      if (walk.broken) this.counts.broken++
      else this.counts.completed++
    }
    // One without any request is held up too, or its user would come again and again within one call.
    walk.onEnd?.(walk.broken || walk.record === undefined)
    if (this.underWay === 0) this.#options.onNobody()
  }

  #isWarmUp (phase: number): boolean {
    return this.#options.warmUps[phase] === true
  }
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
