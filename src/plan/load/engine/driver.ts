import type { Clock } from '../../../kernel/index.ts'
import { type PhaseWindow, Schedule, type Share, windowsOf } from '../arrivals/index.ts'
import { Client, type Target } from '../client/index.ts'
import type { LoadPlan } from '../plan.ts'
import { DueQueue } from './due-queue.ts'
import { Guide } from './guide.ts'
import { openBook } from './journey-book.ts'
import { Pacer } from './pacer.ts'
import { defaultMaxConnections, defaultMaxInFlight, defaultPatienceMs } from './plan-defaults.ts'
import { Recorder } from './recorder.ts'
import { shareOf } from './shares.ts'
import type { WalkCounts } from './thread-messages.ts'

export interface DriverOptions {
  readonly plan: LoadPlan
  readonly targets: readonly Target[]
  readonly share: Share
  readonly clock: Clock
}

/** In a closed loop, before the next try after a failure: a server that refuses is not asked in a busy loop. */
const afterFailureMs = 10
const longestTurnMs = 2

/** Drives one thread's share of a plan: starts journeys on time, and counts what becomes of their requests. */
export class Driver {
  readonly recorder: Recorder
  readonly client: Client
  readonly #options: DriverOptions
  readonly #windows: readonly PhaseWindow[]
  readonly #closed: readonly PhaseWindow[]
  readonly #plannedMs: number
  readonly #graceMs: number
  readonly #maxInFlight: number
  readonly #schedule: Schedule
  readonly #pacer: Pacer
  readonly #due = new DueQueue<() => void>()
  readonly #over = Promise.withResolvers<void>()
  #guide: Guide | undefined
  #startMs = 0
  /** Closed phases that have begun. */
  #closedBegun = 0
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

  /** What became of the journeys so far. */
  get walks (): WalkCounts {
    const { started, completed, broken } = this.#guide?.counts ?? { started: 0, completed: 0, broken: 0 }
    return { started, completed, broken, unfinished: started - completed - broken }
  }

  /**
   * Gets ready: loads the journeys and opens the connections that are to stand before.
   *
   * @returns how many stand
   */
  async open (signal: AbortSignal): Promise<number> {
    const { plan, share, targets, clock } = this.#options
    const { traffic, connections, seed = 1, patienceMs = defaultPatienceMs } = plan
    const { client, recorder } = this
    this.#guide = new Guide({
      clock,
      client,
      recorder,
      share,
      targets,
      patienceMs,
      book: await openBook(traffic, seed, share),
      warmUps: this.#windows.map(({ warmUp }) => warmUp),
      maxInFlight: this.#maxInFlight,
      closes: connections?.kind === 'fresh',
      later: (atMs, run) => this.#later(atMs, run),
      wake: (atMs, nowMs) => this.#pacer.wake(atMs, nowMs),
      onNobody: () => this.#mayBeOver(),
    })
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

  #turn (): void {
    const nowMs = this.#options.clock.now()
    // Nothing came since the last look, and nothing was sent in it: that time was free.
    if (this.client.events === this.#eventsThen) this.#spareMs += nowMs - this.#idleSinceMs
    const schedule = this.#schedule
    const begunThen = this.#guide?.begun
    while (schedule.atMs <= nowMs - this.#startMs && !this.#isLong(nowMs)) {
      const { atMs, phase, journey } = schedule
      schedule.advance()
      this.#guide?.arrive(this.#startMs + atMs, phase, journey)
    }
    while (this.#due.nextMs <= nowMs && !this.#isLong(nowMs)) this.#due.pop()?.()
    this.#beginClosed(nowMs)
    if (this.client.nextExpiryMs <= nowMs) this.client.expire(nowMs)
    if (this.#isOver(nowMs)) return this.stop()
    this.#pacer.wake(this.#nextMs(nowMs), nowMs)
    const spins = this.#pacer.spinning && this.#guide?.begun === begunThen
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

  #mayBeOver (): void {
    if (this.#schedule.atMs !== Infinity) return
    const nowMs = this.#options.clock.now()
    this.#pacer.wake(Math.max(nowMs, this.#startMs + this.#plannedMs), nowMs)
  }

  #isOver (nowMs: number): boolean {
    const pastMs = nowMs - this.#startMs - this.#plannedMs
    if (pastMs < 0 || this.#schedule.atMs !== Infinity) return false
    return this.#guide?.underWay === 0 || pastMs >= this.#graceMs
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
      if (pause) this.#later(nextMs, () => this.#guide?.arrive(nextMs, phase, -1, goOn))
      else this.#guide?.arrive(nextMs, phase, -1, goOn)
    }
    for (let user = 0; user < shareOf(window.phase.users, this.#options.share); user++) {
      this.#guide?.arrive(nowMs, phase, -1, goOn)
    }
  }

  /** The closed phase that comes next. */
  #closedWindow (): PhaseWindow | undefined {
    return this.#closed[this.#closedBegun]
  }

  #later (atMs: number, run: () => void): void {
    this.#due.push(atMs, run)
    this.#pacer.wake(atMs, this.#options.clock.now())
  }
}
