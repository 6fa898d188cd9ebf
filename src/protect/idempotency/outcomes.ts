import type { CounterFamily, MetricsRegistry } from '../../telemetry/index.ts'

/** What a request with a key, or without the one it needs, came to. */
export const outcomes = [
  'fresh',
  'replayed',
  'waited',
  'conflict',
  'reused',
  'missing',
  'invalid',
  'taken_over',
  'unknown',
  'fenced',
  'unavailable',
] as const

export type Outcome = typeof outcomes[number]

/** Adds one to each outcome's counter; made at boot. */
export type OutcomeCounters = Readonly<Record<Outcome, { add(): void }>>

export type OutcomeFamily = CounterFamily<'http_route' | 'outcome'>

/** Registers the counters of idempotency keys. */
export function outcomeFamily (registry: MetricsRegistry): OutcomeFamily {
  return registry.counter({
    name: 'plimsoll_idempotency_requests_total',
    help: 'Requests on routes with idempotency keys, by what came of the key.',
    labels: ['http_route', 'outcome'],
  })
}

export function outcomeCounters (family: OutcomeFamily, route: string): OutcomeCounters {
  const slots = outcomes.map((outcome) => [outcome, family.slot({ http_route: route, outcome })])
  return Object.fromEntries(slots) as OutcomeCounters
}
