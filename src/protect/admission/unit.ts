import type { Criticality } from '../../kernel/index.ts'
import type { AdmissionClass } from './admission-class.ts'
import type { Refusal } from './refusal.ts'

/**
 * Where a unit stands, as `Admission` keeps it on the unit itself, so that a run costs no allocation:
 * not seen yet (0), waiting for room of its class (1), for its turn (2), running (3), over (4).
 */
export type UnitStage = 0 | 1 | 2 | 3 | 4

/**
 * One request as admission sees it. Let the request's own object implement it: nothing is copied from it, and
 * the two fields that `Admission` writes are all the state there is.
 */
export interface AdmissionUnit {
  readonly admissionClass: AdmissionClass
  /** From the route, a trusted caller or the tenant's plan. */
  readonly criticality: Criticality
  /** Asked only under pressure, so it may be worked out then. `undefined` for nobody's. */
  readonly tenant: string | undefined
  /** When its headers had been read, on the clock's `now()`, in milliseconds. */
  readonly startedMs: number
  /** After which nobody waits for it, on the clock's `now()`; infinite for never. */
  readonly deadlineAtMs: number

  /** Starts as 0; written by `Admission` alone. */
  admissionStage: UnitStage
  /** When it was started, on the clock's `now()`; written by `Admission` alone. */
  admittedMs: number

  /** Starts a unit that was queued. It must not throw. */
  run(): void
  /** Answers a unit that was queued and is refused after all. It must not throw. */
  refuse(refusal: Refusal): void
}

/** How a unit that ran ended; only what was answered well teaches what the service can carry. */
export type UnitOutcome =
  /** Answered, and not for lack of anything: 1xx to 4xx. */
  | 'answered'
  /** 5xx, or out of time. */
  | 'failed'
  /** The client left before the answer. */
  | 'gone'
