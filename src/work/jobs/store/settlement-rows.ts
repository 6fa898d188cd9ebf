import { stepOf } from './fair-tags.ts'
import { specText } from './job-spec.ts'
import type { ClaimedJob, JobOutcome } from './job-store.ts'

/** What a settlement writes besides the lease, as rows of JSON. */
export interface SettlementRows {
  readonly later: readonly object[]
  readonly dead: readonly object[]
  readonly receipts: readonly object[]
  readonly keys: readonly object[]
  readonly gates: readonly object[]
}

/** @param jobs those of the outcomes, in their order */
export function settlementRows (
  outcomes: readonly JobOutcome[],
  jobs: readonly ClaimedJob[]
): SettlementRows {
  const later: object[] = []
  const dead: object[] = []
  const receipts: object[] = []
  const keys: object[] = []
  const capped: ClaimedJob[] = []
  for (let index = 0; index < outcomes.length; index++) {
    const [outcome, job] = [outcomes[index]!, jobs[index]!]
    const runsAgain = outcome.kind === 'retry' || outcome.kind === 'snooze'
    if (runsAgain) later.push(laterRow(job, outcome))
    if (outcome.kind === 'dead') dead.push(deadRow(job, outcome))
    if (job.tracked) receipts.push(receiptRow(outcome))
    // A key without a window is free when its job has ended.
    if (!runsAgain && job.unique !== undefined && job.unique.untilMs === undefined)
      keys.push({ id: job.id, name: job.name, key: job.unique.key })
    if (job.cap !== undefined) capped.push(job)
  }
  return { later, dead, receipts, keys, gates: gateRows(capped) }
}

function laterRow (job: ClaimedJob, outcome: Extract<JobOutcome, { atMs: number }>): object {
  const { id, enqueuedAtMs, attempt, priority, tracked, tier, name, tenant, payload, weight, cap } = job
  return {
    id,
    at: outcome.atMs,
    enqueued: enqueuedAtMs,
    rank: 0 - priority,
    attempt: outcome.kind === 'retry' ? attempt + 1 : attempt,
    tracked,
    tier,
    name,
    tenant,
    spec: specText(job),
    payload,
    step: String(stepOf(weight)),
    cap,
  }
}

function deadRow (job: ClaimedJob, outcome: Extract<JobOutcome, { kind: 'dead' }>): object {
  const { unique, enqueuedAtMs, expiresAtMs: _, runAtMs: __, waitedMs: ___, ...kept } = job
  return { ...kept, key: unique?.key, enqueued: enqueuedAtMs, error: outcome.error }
}

function receiptRow (outcome: JobOutcome): object {
  const { id, kind } = outcome
  const state = kind === 'retry' || kind === 'snooze' ? 'waiting' : kind
  const result = kind === 'done' ? outcome.result : undefined
  const error = kind === 'retry' || kind === 'dead' ? JSON.stringify(outcome.error) : undefined
  return { id, state, result, error }
}

/** Whatever becomes of it, a job of a capped tenant gives its place away; a retry has to come in again. */
function gateRows (jobs: readonly ClaimedJob[]): readonly object[] {
  const counts = new Map<string, { tier: string; tenant: string; count: number }>()
  for (const { tier, tenant } of jobs) {
    const known = counts.get(tenant)
    if (known === undefined) counts.set(tenant, { tier, tenant, count: 1 })
    else known.count++
  }
  return [...counts.values()]
}
