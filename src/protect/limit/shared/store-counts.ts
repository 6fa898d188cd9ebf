import type { MetricsRegistry } from '../../../telemetry/index.ts'
import type { DecidedBy } from '../store.ts'

interface Counter {
  add(n?: number): void
}

/** What a shared store counts, resolved once. */
export interface StoreCounts {
  /** Decisions without a round trip. */
  readonly local: Counter
  readonly roundTrips: Counter
  /** Tokens lent to this worker. */
  readonly leased: Counter
  readonly outages: Counter
  /** A decision without the store. */
  standIn(by: DecidedBy | undefined): void
}

const nothing: Counter = { add: () => {} }

export function storeCounts (store: string, registry: MetricsRegistry | undefined): StoreCounts {
  if (registry === undefined) {
    return { local: nothing, roundTrips: nothing, leased: nothing, outages: nothing, standIn: () => {} }
  }
  const counter = (name: string, help: string): Counter =>
    registry.counter({ name: `plimsoll_limit_store_${name}_total`, help, labels: ['store'] }).slot({ store })
  const standIns = registry.counter({
    name: 'plimsoll_limit_store_stand_in_total',
    help: 'Decisions made without the shared store because it could not be reached, by who decided.',
    labels: ['store', 'by'],
  })
  const share = standIns.slot({ store, by: 'share' })
  const open = standIns.slot({ store, by: 'open' })
  const closed = standIns.slot({ store, by: 'closed' })
  return {
    local: counter(
      'local',
      'Decisions of limits made on a lease or a remembered refusal, without a round trip.'
    ),
    roundTrips: counter('round_trips', 'Round trips to the shared store of the limits.'),
    leased: counter('leased', 'Units that the shared store lent to workers.'),
    outages: counter('outages', 'Times that the shared store of the limits was lost.'),
    standIn (by) {
      if (by === 'open') open.add()
      else if (by === 'closed') closed.add()
      else share.add()
    },
  }
}
