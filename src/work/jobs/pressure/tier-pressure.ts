import type { OverloadReason } from './errors.ts'

/** What is known of a tier at one moment. */
export interface TierReading {
  readonly tier: string
  /** The wait that it promises. */
  readonly promiseMs: number
  /** Jobs that are due and wait. */
  readonly depth: number
  readonly oldestMs: number
  /** Jobs that workers take from it, over the last seconds; `undefined` as long as that is not known. */
  readonly drainPerSecond: number | undefined
  /** By how much the depth grows a second; below 0 when it shrinks. */
  readonly growthPerSecond: number
  /** Processes that work on it; `undefined` where nobody notes that. */
  readonly workers: number | undefined
}

/** A tenant with jobs that wait. */
export interface WaitingTenant {
  readonly tenant: string
  readonly waiting: number
}

/** `at_risk`: it keeps its promise yet; `unattended`: jobs wait, and nobody works on them. */
export type TierCondition = 'ok' | 'at_risk' | 'late' | 'unattended'

export interface TierVerdict {
  readonly condition: TierCondition
  /** What a job that is enqueued now, after all others, would wait; Infinity where nothing is taken. */
  readonly expectedWaitMs: number
}

/** Why a job is refused, and until when. */
export interface Refusal {
  readonly reason: OverloadReason
  readonly retryAfterMs: number
}

/** Shares of the promise. */
const risk = { full: 0.8, growing: 0.5 } as const
/** How long the refused stay away at least, and at most, in milliseconds. */
const away = { leastMs: 1_000, mostMs: 600_000 } as const
/** Where no rate says anything, in milliseconds. */
const unknown = { leastMs: 5_000, mostMs: 60_000 } as const

/**
 * How a tier stands. It is at risk when a job that came now would use up four fifths of the promise, or half of it while
 * the backlog grows: before any job is late.
 */
export function judgeTier (reading: TierReading): TierVerdict {
  const { promiseMs, depth, oldestMs, growthPerSecond, workers } = reading
  const expectedWaitMs = waitFor(depth, reading.drainPerSecond)
  const isLate = depth > 0 && oldestMs > promiseMs
  if (workers === 0 && depth > 0 && (isLate || expectedWaitMs === Infinity))
    return { condition: 'unattended', expectedWaitMs }
  if (isLate) return { condition: 'late', expectedWaitMs }
  const used = Math.max(oldestMs, Number.isFinite(expectedWaitMs) ? expectedWaitMs : 0) / promiseMs
  const isAtRisk = used > risk.full || (used > risk.growing && growthPerSecond > 0)
  return { condition: isAtRisk ? 'at_risk' : 'ok', expectedWaitMs }
}

/**
 * Whether a job of this tenant that is enqueued now could be started within the promise. A tier shares its workers by
 * weight among tenants that have jobs waiting, so that a tenant with few is let in while another one is refused for its
 * own many.
 *
 * Only a tier that is late refuses anybody.
 *
 * @param tenants those with jobs waiting; `undefined` where they cannot be told apart
 */
export function refusalOf (
  reading: TierReading,
  verdict: TierVerdict,
  tenants: readonly WaitingTenant[] | undefined,
  tenant: string,
  weightOf: (tenant: string) => number = () => 1
): Refusal | undefined {
  const { promiseMs, drainPerSecond } = reading
  const { condition, expectedWaitMs } = verdict
  if (condition === 'unattended')
    return { reason: 'unattended', retryAfterMs: clamp(promiseMs, unknown.leastMs, unknown.mostMs) }
  if (condition !== 'late') return undefined
  if (tenants === undefined) return { reason: 'tier', retryAfterMs: untilWithin(expectedWaitMs, promiseMs) }
  const jobs = 1 + (tenants.find((each) => each.tenant === tenant)?.waiting ?? 0)
  const others = tenants.filter((each) => each.tenant !== tenant && each.waiting > 0)
  const share = weightOf(tenant) / others.reduce((sum, each) => sum + weightOf(each.tenant), weightOf(tenant))
  const aloneMs = waitFor(jobs, drainPerSecond)
  const sharedMs = aloneMs / share
  if (sharedMs <= promiseMs) return undefined
  // It would be late with all workers for itself; or in time, if only there were not so many others.
  const isItsOwn = Number.isFinite(aloneMs) && aloneMs > promiseMs
  return { reason: isItsOwn ? 'tenant' : 'tier', retryAfterMs: untilWithin(sharedMs, promiseMs) }
}

function waitFor (jobs: number, perSecond: number | undefined): number {
  if (jobs === 0) return 0
  return perSecond === undefined || perSecond === 0 ? Infinity : jobs / perSecond * 1_000
}

/** If nothing is added meanwhile, the wait shrinks by a second each second. */
function untilWithin (waitMs: number, promiseMs: number): number {
  return Number.isFinite(waitMs) ?
    clamp(waitMs - promiseMs, away.leastMs, away.mostMs) :
    clamp(promiseMs, unknown.leastMs, unknown.mostMs)
}

function clamp (value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}
