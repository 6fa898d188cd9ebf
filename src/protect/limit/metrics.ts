import type { CounterSlot, MetricsRegistry } from '../../telemetry/index.ts'
import type { DecidedBy } from './store.ts'

/** The counters of one rule, resolved at boot. */
export interface RuleMetrics {
  readonly admitted: CounterSlot
  readonly limited: CounterSlot
  /** A shadow rule would have limited the request. */
  readonly shadow: CounterSlot
  readonly refunded: CounterSlot
  /** The store could not be reached, and something else decided. */
  readonly fallback: Readonly<Record<Exclude<DecidedBy, 'store'>, CounterSlot>>
}

/** Series are made of rules, which stand still after boot: nothing that a client sends makes one. */
export function limitMetrics (registry: MetricsRegistry): (scope: string, rule: string) => RuleMetrics {
  const decisions = registry.counter({
    name: 'plimsoll_limit_decisions_total',
    help: 'Decisions of rate limits: admitted, limited, shadow (would have been limited), refunded.',
    labels: ['scope', 'rule', 'outcome'],
  })
  const fallbacks = registry.counter({
    name: 'plimsoll_limit_fallbacks_total',
    help: 'Decisions made without the store that could not be reached: by the last share, open or closed.',
    labels: ['scope', 'rule', 'by'],
  })
  return (scope, rule) => ({
    admitted: decisions.slot({ scope, rule, outcome: 'admitted' }),
    limited: decisions.slot({ scope, rule, outcome: 'limited' }),
    shadow: decisions.slot({ scope, rule, outcome: 'shadow' }),
    refunded: decisions.slot({ scope, rule, outcome: 'refunded' }),
    fallback: {
      share: fallbacks.slot({ scope, rule, by: 'share' }),
      open: fallbacks.slot({ scope, rule, by: 'open' }),
      closed: fallbacks.slot({ scope, rule, by: 'closed' }),
    },
  })
}
