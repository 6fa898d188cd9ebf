import type { Cancel } from '../../kernel/index.ts'
import type { CounterSlot, MetricsRegistry } from '../../telemetry/index.ts'

export interface OutboxMetrics {
  /** Events that were written, in transactions that may still be rolled back. */
  readonly written: CounterSlot
  /** Readers whose unread events have been dropped, each time. */
  readonly forsaken: CounterSlot
  /** Nothing reads the gauges any more. */
  readonly close: Cancel
}

/** What the gauges show at a scrape, as of the last upkeep. */
export interface OutboxGauges {
  /** How long the transaction that holds the fence is open, in seconds, when events wait for it. */
  readonly stallSeconds: number
  readonly heldEvents: number
  /** Checkpoints whose readers the service does not declare. */
  readonly undeclared: number
  /** Readers by their checkpoint: how old the first event is that they have not passed, in seconds. */
  readonly readers: readonly { readonly name: string; readonly lagSeconds: number }[]
}

export function outboxMetrics (registry: MetricsRegistry, gauges: () => OutboxGauges): OutboxMetrics {
  const written = registry.counter({
    name: 'plimsoll_outbox_written_total',
    help: 'Events that were written to the outbox, in transactions that may have been rolled back.',
  }).slot()
  const forsaken = registry.counter({
    name: 'plimsoll_outbox_forsaken_total',
    help:
      'Times that events were dropped which a reader had not read, since it was not heard of for too long.',
  }).slot()
  const undeclaredReaders = registry.gauge({
    name: 'plimsoll_outbox_undeclared_readers',
    help: 'Checkpoints that keep events for readers which this service does not declare.',
    merge: 'max',
  }).slot()
  const stall = registry.gauge({
    name: 'plimsoll_outbox_stall_seconds',
    help: 'How long the transaction is open that events wait for; 0 when none waits.',
    merge: 'max',
  }).slot()
  const held = registry.gauge({
    name: 'plimsoll_outbox_held_events',
    help: 'Committed events that wait for a running transaction; counted up to 10,000.',
    merge: 'max',
  }).slot()
  const lag = registry.gauge({
    name: 'plimsoll_outbox_lag_seconds',
    help: 'How old the oldest event is that a reader of the outbox has not passed; 0 when there is none.',
    labels: ['reader'],
    merge: 'max',
  })
  const shown = new Set<string>()
  const close = registry.onCollect(() => {
    const { stallSeconds, heldEvents, undeclared, readers } = gauges()
    undeclaredReaders.set(undeclared)
    stall.set(stallSeconds)
    held.set(heldEvents)
    const gone = new Set(shown)
    for (const { name, lagSeconds } of readers) {
      lag.slot({ reader: name }).set(lagSeconds)
      shown.add(name)
      gone.delete(name)
    }
    // A series stays: of a reader that is no more, it must not tell the last lag for ever.
    for (const name of gone) {
      lag.slot({ reader: name }).set(0)
      shown.delete(name)
    }
  })
  return { written, forsaken, close }
}
