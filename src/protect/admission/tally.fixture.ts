import type { Outcome } from './event-loop.fixture.ts'

/** What became of the requests that `of` picks. */
export function tally (outcomes: readonly Outcome[], of: (outcome: Outcome) => boolean = () => true): {
  readonly sent: number
  readonly good: number
  readonly refused: number
  readonly left: number
  readonly successShare: number
  readonly admittedP99Ms: number
  readonly refusedP99Ms: number
} {
  const picked = outcomes.filter(of)
  const ok = picked.filter(({ status }) => status === 200)
  const refused = picked.filter(({ status }) => status === 503)
  const good = ok.filter(({ tookMs }) => tookMs <= 250).length
  return {
    sent: picked.length,
    good,
    refused: refused.length,
    left: picked.filter(({ status }) => status === 'left').length,
    successShare: good / Math.max(1, picked.length),
    admittedP99Ms: quantile(ok, 0.99),
    refusedP99Ms: quantile(refused, 0.99),
  }
}

function quantile (outcomes: readonly Outcome[], share: number): number {
  const took = outcomes.map(({ tookMs }) => tookMs).toSorted((one, other) => one - other)
  return took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0
}
