import { criticalities, type Criticality } from '../../kernel/index.ts'

/** Why a unit was refused; stable over releases. */
export const refusalReasons = [
  /** More work waits for the event loop than can be done in time. */
  'queue-full',
  /** It was queued, and others came first for so long that its caller has probably given up. */
  'too-old',
  /** It cannot be done before its deadline, by what its route has taken lately. */
  'deadline',
  /** Its tenant has used far more than the others lately, and there is not enough for all. */
  'tenant-share',
  /** What room is left is kept for work that matters more. */
  'lane',
  /** As much of this route is in flight as what stands behind it can carry. */
  'concurrency',
] as const

/** One of {@link refusalReasons}. */
export type RefusalReason = (typeof refusalReasons)[number]

/**
 * A unit that is not to be run. Equal refusals are one object, so that an answer can be prepared once for each
 * (there are at most {@link maxRetryAfterSeconds} for a reason and a lane).
 */
export interface Refusal {
  readonly reason: RefusalReason
  readonly lane: Criticality
  /** When to come back: whole seconds, 1 to {@link maxRetryAfterSeconds}, different for each of a crowd. */
  readonly retryAfterSeconds: number
}

/** The longest that anybody is told to stay away: load changes faster than that. */
export const maxRetryAfterSeconds = 30

const made: readonly (readonly (readonly Refusal[])[])[] = refusalReasons.map((reason) =>
  criticalities.map((lane) =>
    Array.from(
      { length: maxRetryAfterSeconds },
      (_, at) => Object.freeze({ reason, lane, retryAfterSeconds: at + 1 })
    )
  )
)

/** The one refusal of its kind. @param seconds is rounded up and brought into range */
export function refusalOf (reason: RefusalReason, lane: number, seconds: number): Refusal {
  const whole = Math.min(maxRetryAfterSeconds, Math.max(1, Math.ceil(seconds)))
  const refusal = made[refusalReasons.indexOf(reason)]?.[lane]?.[whole - 1]
  if (refusal === undefined) throw new RangeError(`no lane ${lane}`)
  return refusal
}
