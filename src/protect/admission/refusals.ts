import type { Random } from '../../kernel/index.ts'
import type { WaitingUnit } from './admission-class.ts'
import type { Costed } from './cpu-cost.ts'
import type { AdmissionMetrics } from './metrics.ts'
import { type Refusal, refusalOf, type RefusalReason } from './refusal.ts'
import { RetryAfter } from './retry-after.ts'
import { tenantOf } from './unit-tenant.ts'

/** Refuses units and keeps count of it. */
export class Refusals implements Costed {
  /** What one refusal costs is learnt like the cost of a route. */
  cpuMs = 0.02
  lessons = 0
  doneInWindow = 0
  readonly #metrics: AdmissionMetrics
  readonly #retryAfter: RetryAfter
  #count = 0

  constructor (metrics: AdmissionMetrics, random: Random) {
    this.#metrics = metrics
    this.#retryAfter = new RetryAfter(random)
  }

  refuse ({ unit, lane, heavy }: WaitingUnit, reason: RefusalReason, nowMs: number): Refusal {
    unit.admissionStage = 4
    unit.admissionClass.refusedMs = nowMs
    this.#count++
    const tenant = heavy ? 'heavy' : tenantOf(unit) === undefined ? 'none' : 'other'
    this.#metrics.refused(unit.admissionClass, reason, lane, tenant)
    return refusalOf(reason, lane, this.#retryAfter.seconds())
  }

  /** Ends a window in which `arrivals` units came. */
  endWindow (arrivals: number, nowMs: number): void {
    this.#retryAfter.note(arrivals, this.#count, nowMs)
    this.#count = 0
  }
}
