import type { Clock } from '../../../kernel/index.ts'
import { type PhaseWindow, Schedule, type Share, windowsOf } from '../arrivals/index.ts'
import {
  Client,
  Exchange,
  type KeptResponse,
  type PreparedRequest,
  prepareRequest,
  type ReadResponse,
  type Target,
} from '../client/index.ts'
import type { JourneyAnswer } from '../journey.ts'
import type { LoadPlan, RequestSpec } from '../plan.ts'
import type { FailureKind } from '../report.ts'
import { answerOf } from './answer.ts'
import { DueQueue } from './due-queue.ts'
import { type JourneyBook, openBook } from './journey-book.ts'
import { Pacer } from './pacer.ts'
import { defaultMaxConnections, defaultMaxInFlight, defaultPatienceMs } from './plan-defaults.ts'
import { Recorder, type RequestRecord } from './recorder.ts'
import { shareOf } from './shares.ts'
import { Walk, type WalkGuide } from './walk.ts'

export interface DriverOptions {
  readonly plan: LoadPlan
  readonly targets: readonly Target[]
  readonly share: Share
  readonly clock: Clock
}

/** How many journeys came to which end. */
export interface WalkCounts {
  started: number
  completed: number
  broken: number
}

/** In a closed loop, before the next try after a failure: a server that refuses is not asked in a busy loop. */
const afterFailureMs = 10
const longestTurnMs = 2

/** Drives one thread's share of a plan: starts journeys on time, and counts what becomes of their requests. */
export class Driver implements WalkGuide {
  readonly recorder: Recorder
  readonly client: Client
  readonly walks: WalkCounts = { started: 0, completed: 0, broken: 0 }
  readonly #options: DriverOptions
  readonly #windows: readonly PhaseWindow[]
  readonly #closed: readonly PhaseWindow[]
  readonly #plannedMs: number
  readonly #graceMs: number
  readonly #maxInFlight: number
  readonly #schedule: Schedule
  readonly #pacer: Pacer
  readonly #due = new DueQueue<() => void>()
  readonly #prepared = new WeakMap<RequestSpec, { request: PreparedRequest; record: RequestRecord }>()
  readonly #over = Promise.withResolvers<void>()
  #book: JourneyBook | undefined
  #startMs = 0
  /** Closed phases that have begun. */
  #closedBegun = 0
  #walksUnderWay = 0
  #begun = 0
  #looks = 0
  #spareMs = 0
  #idleSinceMs = Number.NaN
  #eventsThen = -1

  constructor (options: DriverOptions) {
    const { plan, targets, share, clock } = options
    const { maxInFlight = defaultMaxInFlight, patienceMs = defaultPatienceMs } = plan
    this.#options = options
    this.#windows = windowsOf(plan.phases)
    this.#closed = this.#windows.filter(({ phase }) => phase.kind === 'closed')
    this.#plannedMs = this.#windows.at(-1)?.endMs ?? 0
    this.#graceMs = plan.graceMs ?? patienceMs
    this.#maxInFlight = Math.max(1, shareOf(maxInFlight, share))
    this.#schedule = new Schedule(this.#windows, plan.seed ?? 1, share)
    this.recorder = new Recorder(this.#windows.map(({ warmUp }) => warmUp))
    this.#pacer = new Pacer(clock, plan.dispatch !== 'thrifty', () => this.#turn())
    const policy = plan.connections ?? { kind: 'keep-alive' }
    const maximum = policy.kind === 'fresh' ?
      maxInFlight :
      policy.maximum ?? Math.max(defaultMaxConnections, policy.open ?? 0)
    this.client = new Client({
      clock,
      targets,
      policy,
      maximum: Math.max(1, shareOf(maximum, share)),
      giveUp: plan.giveUp ?? 'close',
      ...(plan.tls === undefined ? {} : { tls: plan.tls }),
      onConnected: (tookMs) => this.recorder.connected(tookMs),
    })
  }

  /** Time spent in busy-waiting, in milliseconds. */
  get spareMs (): number {
    return this.#spareMs
  }

  /** Milliseconds from the start to now. */
  get elapsedMs (): number {
    return this.#startMs === 0 ? 0 : this.#options.clock.now() - this.#startMs
  }

  /** Journeys that were cut off by the end. */
  get unfinished (): number {
    return this.walks.started - this.walks.completed - this.walks.broken
  }

  /**
   * Gets ready: loads the journeys and opens the connections that are to stand before.
   *
   * @returns how many stand
   */
  async open (signal: AbortSignal): Promise<number> {
    const { plan: { traffic, connections, seed = 1 }, share } = this.#options
    this.#book = await openBook(traffic, seed, share)
    const open = connections?.kind === 'keep-alive' ? connections.open ?? 0 : 0
    return this.client.open(shareOf(open, share), signal)
  }

  /** Runs all phases, and what goes on after them within the grace. */
  async run (): Promise<void> {
    this.#startMs = this.#options.clock.now()
    this.#turn()
    await this.#over.promise
  }

  /** Ends at once; what is under way counts as unfinished. */
  stop (): void {
    this.#pacer.stop()
    this.client.close()
    this.#over.resolve()
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
    this.recorder.ended(walk, {
      outcome: statusCode,
      expected,
      latencyMs: nowMs - exchange.intendedMs,
      serviceMs: nowMs - exchange.sentMs,
      bytesReceived: bodyBytes,
    })
    if (!expected) walk.broken = true
    if (this.#book?.readsAnswers === true) this.#goOn(walk, answerOf(response, kept, expected), nowMs, nowMs)
    else if (expected) this.#goOn(walk, undefined, nowMs, nowMs)
    else this.#end(walk)
  }

  stepFailed (walk: Walk, exchange: Exchange, kind: FailureKind): void {
    const nowMs = this.#options.clock.now()
    this.recorder.ended(walk, {
      outcome: kind,
      expected: false,
      latencyMs: nowMs - exchange.intendedMs,
      serviceMs: exchange.sentMs === 0 ? Number.NaN : nowMs - exchange.sentMs,
      bytesReceived: 0,
    })
    this.#breakOff(walk)
  }

  #turn (): void {
    const nowMs = this.#options.clock.now()
    // Nothing came since the last look, and nothing was sent in it: that time was free.
    if (this.client.events === this.#eventsThen) this.#spareMs += nowMs - this.#idleSinceMs
    const schedule = this.#schedule
    const begunThen = this.#begun
    while (schedule.atMs <= nowMs - this.#startMs && !this.#isLong(nowMs)) {
      const { atMs, phase, journey } = schedule
      schedule.advance()
      this.#arrive(this.#startMs + atMs, phase, journey)
    }
    while (this.#due.nextMs <= nowMs && !this.#isLong(nowMs)) this.#due.pop()?.()
    this.#beginClosed(nowMs)
    if (this.client.nextExpiryMs <= nowMs) this.client.expire(nowMs)
    if (this.#isOver(nowMs)) return this.stop()
    this.#pacer.wake(this.#nextMs(nowMs), nowMs)
    const spins = this.#pacer.spinning && this.#begun === begunThen
    this.#eventsThen = spins ? this.client.events : -1
    this.#idleSinceMs = nowMs
  }

  /**
   * Whether a turn has sent for so long that answers must be read before it goes on. Without that a generator
   * that is behind opens a connection for each request that it owes, and falls behind for good.
   */
  #isLong (turnBeganMs: number): boolean {
    return (++this.#looks & 7) === 0 && this.#options.clock.now() - turnBeganMs > longestTurnMs
  }

  #isOver (nowMs: number): boolean {
    const pastMs = nowMs - this.#startMs - this.#plannedMs
    if (pastMs < 0 || this.#schedule.atMs !== Infinity) return false
    return this.#walksUnderWay === 0 || pastMs >= this.#graceMs
  }

  #nextMs (nowMs: number): number {
    const endMs = this.#startMs + this.#plannedMs
    return Math.min(
      this.#startMs + this.#schedule.atMs,
      this.#due.nextMs,
      this.client.nextExpiryMs,
      this.#startMs + (this.#closedWindow()?.startMs ?? Infinity),
      nowMs < endMs ? endMs : endMs + this.#graceMs
    )
  }

  /** Users of a closed phase come at its start, and leave at its end. */
  #beginClosed (nowMs: number): void {
    const window = this.#closedWindow()
    if (window?.phase.kind !== 'closed' || nowMs < this.#startMs + window.startMs) return
    this.#closedBegun++
    const phase = this.#windows.indexOf(window)
    const endMs = this.#startMs + window.endMs
    const goOn = (pause: boolean): void => {
      const nextMs = this.#options.clock.now() + (pause ? afterFailureMs : 0)
      if (nextMs >= endMs) return
      if (pause) this.#later(nextMs, () => this.#arrive(nextMs, phase, -1, goOn))
      else this.#arrive(nextMs, phase, -1, goOn)
    }
    for (let user = 0; user < shareOf(window.phase.users, this.#options.share); user++) {
      this.#arrive(nowMs, phase, -1, goOn)
    }
  }

  /** The closed phase that comes next. */
  #closedWindow (): PhaseWindow | undefined {
    return this.#closed[this.#closedBegun]
  }

  #arrive (atMs: number, phase: number, journey: number, onEnd?: (pause: boolean) => void): void {
    const { share: { thread, threads }, targets } = this.#options
    const iteration = this.#begun++ * threads + thread
    if (this.#windows[phase]?.warmUp !== true) this.walks.started++
    this.#walksUnderWay++
    const place = { target: iteration % targets.length, phase }
    let steps
    try {
      steps = this.#book?.begin(iteration, journey)
    } catch (error) {
      this.recorder.complain('code', '', messageOf(error))
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
      this.recorder.complain('code', result?.value?.request.name ?? walk.record?.name ?? '', messageOf(error))
      return this.#breakOff(walk)
    }
    const { thinkMs = 0 } = walk.step
    const dueMs = readyMs + thinkMs
    if (thinkMs > 0 && dueMs > nowMs) this.#later(dueMs, () => this.#send(walk, dueMs))
    else this.#send(walk, dueMs)
  }

  #send (walk: Walk, intendedMs: number): void {
    if (this.client.inFlight >= this.#maxInFlight) {
      this.recorder.dropped(walk)
      return this.#breakOff(walk)
    }
    const { request, step, target } = walk
    const nowMs = this.#options.clock.now()
    this.recorder.begun(walk, nowMs - intendedMs, request.bytes[target]?.length ?? 0)
    this.client.begin(new Exchange(walk, request, target, intendedMs, step.keep === true))
    this.#pacer.wake(intendedMs + request.patienceMs, nowMs)
  }

  #later (atMs: number, run: () => void): void {
    this.#due.push(atMs, run)
    this.#pacer.wake(atMs, this.#options.clock.now())
  }

  #prepare (spec: RequestSpec): { request: PreparedRequest; record: RequestRecord } {
    const known = this.#prepared.get(spec)
    if (known !== undefined) return known
    const { plan, targets } = this.#options
    const request = prepareRequest(spec, {
      targets,
      patienceMs: plan.patienceMs ?? defaultPatienceMs,
      closes: plan.connections?.kind === 'fresh',
    })
    const made = { request, record: this.recorder.record(spec.name) }
    this.#prepared.set(spec, made)
    return made
  }

  #judge (walk: Walk, answer: JourneyAnswer): boolean {
    let wrong: string | undefined
    try {
      wrong = walk.step.judge?.(answer)
      if (wrong !== undefined) this.recorder.complain('judge', walk.request.name, wrong)
    } catch (error) {
      wrong = messageOf(error)
      this.recorder.complain('code', walk.request.name, wrong)
    }
    return wrong === undefined
  }

  #breakOff (walk: Walk): void {
    walk.broken = true
    try {
      walk.steps.return?.()
    } catch (error) {
      this.recorder.complain('code', walk.record?.name ?? '', messageOf(error))
    }
    this.#end(walk)
  }

  #end (walk: Walk): void {
    this.#walksUnderWay--
    if (this.#windows[walk.phase]?.warmUp !== true) {
      if (walk.broken) this.walks.broken++
      else this.walks.completed++
    }
    // One without any request is held up too, or its user would come again and again within one call.
    walk.onEnd?.(walk.broken || walk.record === undefined)
    if (this.#walksUnderWay === 0 && this.#schedule.atMs === Infinity) {
      const nowMs = this.#options.clock.now()
      this.#pacer.wake(Math.max(nowMs, this.#startMs + this.#plannedMs), nowMs)
    }
  }
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
