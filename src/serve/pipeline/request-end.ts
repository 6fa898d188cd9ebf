import type { Transaction } from '../../data/index.ts'
import type { Clock } from '../../kernel/index.ts'
import type { Admission, UnitOutcome } from '../../protect/admission/index.ts'
import type { IdempotentUnit } from '../../protect/idempotency/index.ts'
import type { CallerChecks } from './caller-checks.ts'
import type { DeadlineWheel } from './deadline-wheel.ts'
import { clientClosedRequest, type Recorder } from './recorder.ts'
import type { RequestUnit } from './request-unit.ts'

export interface RequestEndParts {
  readonly recorder: Recorder
  readonly admission: Admission | undefined
  readonly callers: CallerChecks | undefined
  readonly wheel: DeadlineWheel
  readonly clock: Clock
}

/** What is to be done when a request is over: record it, and give back what it held. */
export class RequestEnd {
  readonly #recorder: Recorder
  readonly #admission: Admission | undefined
  readonly #callers: CallerChecks | undefined
  readonly #wheel: DeadlineWheel
  readonly #clock: Clock

  constructor (parts: RequestEndParts) {
    this.#recorder = parts.recorder
    this.#admission = parts.admission
    this.#callers = parts.callers
    this.#wheel = parts.wheel
    this.#clock = parts.clock
  }

  /** Its answer is out, or its client has gone. Once for each request. */
  of (unit: RequestUnit): void {
    unit.ended = true
    this.#wheel.remove(unit)
    // For one that never came to an answer: somebody else may make it.
    unit.miss?.abandon()
    // Read once for all that end with it.
    const nowMs = this.#clock.now()
    const status = this.#recorder.end(unit, nowMs)
    const gone = status === clientClosedRequest
    const outcome: UnitOutcome = gone ? 'gone' : unit.expired || status >= 500 ? 'failed' : 'answered'
    if (gone) unit.leave()
    if (!unit.inBackground) this.#callers?.answered(unit, status)
    // What the caller got for nothing, or did not get through a fault of ours, does not count.
    if (unit.replayed || status === 304 || status >= 500) unit.ruling?.refund()
    // Who stopped waiting did not stop the work: its room is taken until it ends.
    if ((gone || unit.expired) && unit.work !== undefined) {
      unit.work.then(
        () => this.#late(unit, outcome, true),
        () => this.#late(unit, outcome, false)
      )
    } else this.#settle(unit, outcome, nowMs)
  }

  /** The handler has ended after its client was told that it was late, or had left. */
  #late (unit: RequestUnit, outcome: UnitOutcome, done: boolean): void {
    const { idempotency, expired } = unit
    if (expired && idempotency !== undefined) void endKey(idempotency, done)
    this.#settle(unit, outcome, this.#clock.now())
  }

  #settle (unit: RequestUnit, outcome: UnitOutcome, nowMs: number): void {
    unit.ruling?.release()
    this.#admission?.finished(unit, outcome, nowMs)
    const overrunMs = unit.settle()
    if (outcome !== 'answered')
      this.#recorder.overrun(outcome === 'gone' ? 'caller_gone' : 'deadline', overrunMs)
  }
}

/** Ends the key of a request whose answer nobody got, and which may be committed all the same. */
async function endKey (idempotency: IdempotentUnit<Transaction>, done: boolean): Promise<void> {
  try {
    // Done, and its answer is lost: the outcome has to be asked for. Otherwise it is free to be tried again.
    if (done) await idempotency.beginEffect()
  } catch {
    // It has ended already, or its lease has: there is nothing to tell.
  }
  await idempotency.release()
}
