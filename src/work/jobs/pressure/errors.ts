import type { ProblemKind } from '../../../kernel/index.ts'
import { pressureProblems } from './problems.ts'

/** Why a job is not taken in. */
export type OverloadReason = 'tier' | 'tenant' | 'unattended'

/**
 * A job that is enqueued now would wait for longer than its tier promises. Expected under overload: answered with 503, or
 * with 429 where the tenant's own backlog is the cause, and counted by `plimsoll_jobs_refused_total`.
 */
export class TierOverloadedError extends Error {
  override readonly name = 'TierOverloadedError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code: 'TIER_OVERLOADED' | 'TENANT_BACKLOG'
  readonly statusCode: number
  /** What the client is told. */
  readonly problemKind: ProblemKind
  readonly tier: string
  readonly reason: OverloadReason
  /** When a job would be started within the promise again, if nothing else changes, in milliseconds. */
  readonly retryAfterMs: number

  constructor (tier: string, reason: OverloadReason, retryAfterMs: number) {
    const problemKind = reason === 'tenant' ?
      pressureProblems.TENANT_BACKLOG :
      pressureProblems.TIER_OVERLOADED
    super(`${whys[reason](tier)}; try again in ${Math.ceil(retryAfterMs / 1_000)} s`)
    this.code = reason === 'tenant' ? 'TENANT_BACKLOG' : 'TIER_OVERLOADED'
    this.statusCode = problemKind.status
    this.problemKind = problemKind
    this.tier = tier
    this.reason = reason
    this.retryAfterMs = retryAfterMs
  }
}

const whys: Readonly<Record<OverloadReason, (tier: string) => string>> = {
  tier: (tier) => `jobs of ${tier} wait for longer than it promises`,
  tenant: (tier) => `the tenant's own jobs fill ${tier} for longer than it promises`,
  unattended: (tier) => `no worker is up for ${tier}`,
}
