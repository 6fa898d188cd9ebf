import type { Clock } from '../../kernel/index.ts'
import type { AdmissionUnit, WaitingUnit } from './admission-class.ts'
import { type Pace, ShortQueue } from './short-queue.ts'
import type { Turn } from './turn.ts'

export interface DispatcherOptions {
  readonly clock: Clock
  readonly turn: Turn
  /** Starts a unit, or drops it. It must not throw. @returns whether it was started */
  readonly start: (waiting: WaitingUnit, nowMs: number) => boolean
  /** Gives up a unit that has waited for too long. It must not throw. */
  readonly giveUp: (waiting: WaitingUnit, nowMs: number) => void
  /** Called at the end of each turn that brought or left anything, before work is started. */
  readonly turned: (nowMs: number) => void
}

/**
 * Runs what waits in small slices, one at the end of each turn of the event loop, so that in between everything
 * that has arrived is seen and answered.
 *
 * A turn reads all sockets that have something to read. Were each request run as it is read, those behind it
 * would wait in the kernel unseen, and a refusal would wait as long as a request. So a turn runs one slice of
 * work where it reads it, which is all there is at low load, and leaves the rest to this queue.
 *
 * Of connections that wait to be accepted, libuv takes one a turn. While they come, turns without work are put
 * in between, for a few milliseconds at most, so that they cannot starve the work.
 */
export class Dispatcher implements Pace {
  readonly queue: ShortQueue<AdmissionUnit> = new ShortQueue()
  readonly #options: DispatcherOptions
  /** Steps that this turn's end will bring; each runs one unit at most, so that its ticks run before the next. */
  #steps = 0
  /** Whether this turn's end has come: its first step has been taken. */
  #ended = false
  #skips = false
  /** The queue was not empty when this turn began, so the loop has not waited since. */
  #spinning = false
  #turnStartMs = 0
  #turnEndMs = 0
  /** What was started in this turn is expected to cost so much. */
  #turnCostMs = 0
  #sliceCostMs = 0
  #connections = 0
  /** Since when turns have been skipped in favour of connections. */
  #workedMs = 0
  #idleMs = 0
  #lagMs = 0
  #delayMs = 0
  /** Time that passes for each unit of CPU time: more than 1 where the machine has others to serve, or throttles. */
  #stretch = 1

  constructor (options: DispatcherOptions) {
    this.#options = options
  }

  /** How long something that this turn read may have waited in its socket, in milliseconds. */
  get lagMs (): number {
    return this.#lagMs
  }

  /** How long turns have lately taken, in milliseconds. */
  get delayMs (): number {
    return this.#delayMs
  }

  /** How long all that waits will take, in milliseconds. */
  get waitMs (): number {
    return this.queue.costMs * this.#stretch
  }

  /** How long one of those that wait will take, on average. */
  get unitMs (): number {
    return this.queue.length === 0 ? 0 : this.waitMs / this.queue.length
  }

  /** Tells that something has arrived. */
  begin (nowMs: number): void {
    if (this.#steps > 0 || this.#ended) return
    this.#measureLag(nowMs)
    this.#turnStartMs = nowMs
    this.#turnCostMs = 0
    this.#schedule(1)
  }

  connected (): void {
    this.#connections++
  }

  /**
   * Whether a unit may be run where it is read: nothing waits, nobody has connected, and this turn has not run a
   * slice yet.
   */
  mayRunNow (nowMs: number): boolean {
    return this.queue.length === 0 && this.#connections === 0 && this.#turnCostMs < sliceMs &&
      nowMs - this.#turnStartMs < sliceMs
  }

  /** Tells that a unit is run where it was read. */
  ran (costMs: number): void {
    this.#turnCostMs += costMs
  }

  /** Tells how much CPU time a stretch of work of `busyMs` has come to. */
  stretched (busyMs: number, cpuMs: number): void {
    if (cpuMs <= 0) return
    const stretch = Math.min(mostStretch, Math.max(1, busyMs / cpuMs))
    this.#stretch += (stretch - this.#stretch) * 0.1
  }

  push (waiting: WaitingUnit, nowMs: number): void {
    this.queue.push(waiting, nowMs)
    this.begin(nowMs)
    if (!this.#ended && this.#steps < mostSteps && this.#steps < this.queue.length) this.#schedule(1)
  }

  #schedule (steps: number): void {
    for (let step = 0; step < steps; step++) this.#options.turn.atEnd(this.#step)
    this.#steps += steps
  }

  readonly #step = (): void => {
    const nowMs = this.#options.clock.now()
    if (!this.#ended) this.#endTurn(nowMs)
    this.#steps--
    if (!this.#skips && this.queue.length > 0 && !this.#sliceIsSpent(nowMs)) this.#runOne(nowMs)
    if (this.#steps === 0) this.#beginNext()
  }

  #endTurn (nowMs: number): void {
    this.#ended = true
    this.#sliceCostMs = 0
    const turnMs = nowMs - this.#turnEndMs
    if (this.#spinning) {
      this.#delayMs += (turnMs - this.#delayMs) * 0.1
    } else {
      this.#delayMs += (nowMs - this.#turnStartMs - this.#delayMs) * 0.1
    }
    this.#turnEndMs = nowMs
    const { queue } = this
    queue.note(this, nowMs)
    this.#options.turned(nowMs)
    for (let old = queue.takeTooOld(this, nowMs); old !== undefined; old = queue.takeTooOld(this, nowMs)) {
      this.#options.giveUp(old, nowMs)
    }
    this.#skips = this.#connections > 0 && nowMs - this.#workedMs < skipMs
    this.#connections = 0
  }

  #sliceIsSpent (nowMs: number): boolean {
    return this.#sliceCostMs >= sliceMs || nowMs - this.#turnEndMs >= sliceMs
  }

  #runOne (nowMs: number): void {
    while (this.queue.length > 0) {
      const next = this.queue.take(this)
      if (next === undefined || !this.#options.start(next, nowMs)) continue
      this.#sliceCostMs += next.costMs
      return
    }
  }

  #beginNext (): void {
    const nowMs = this.#options.clock.now()
    if (!this.#skips) this.#workedMs = nowMs
    this.#ended = false
    this.#skips = false
    this.#turnCostMs = 0
    this.#turnStartMs = nowMs
    this.#spinning = this.queue.length > 0
    this.#lagMs = nowMs - this.#turnEndMs
    if (this.#spinning) this.#schedule(Math.min(mostSteps, this.queue.length))
    else this.#idleMs = this.#options.turn.idleMs()
  }

  /** How long the loop has been busy with something else since the last turn that we saw. */
  #measureLag (nowMs: number): void {
    const goneMs = nowMs - this.#turnEndMs
    this.#lagMs = goneMs < worthMeasuringMs ?
      0 :
      Math.max(0, goneMs - (this.#options.turn.idleMs() - this.#idleMs))
  }
}

/** How much work is run between two looks at what has arrived, in milliseconds. */
const sliceMs = 2
/** How long connections may go before work. */
const skipMs = 8
const mostSteps = 32
const worthMeasuringMs = 20
const mostStretch = 10
