import type { Cancel } from '../../kernel/index.ts'
import type { CounterSlot, HistogramSlot, MetricsRegistry } from '../../telemetry/index.ts'
import type { CancelOutcome } from './cancel-request.ts'
import type { GiveUpReason } from './giving-up.ts'
import { type PoolClass, poolClasses } from './pool-class.ts'

export interface PoolState {
  readonly used: number
  readonly idle: number
  readonly waiting: number
  readonly max: number
  readonly classes: Readonly<Record<PoolClass, { readonly used: number; readonly waiting: number }>>
}

export interface PoolMetrics {
  /** Seconds from asking for a connection to having it. */
  readonly waits: HistogramSlot
  /** Waits that ended without a connection. */
  readonly timeouts: Readonly<Record<GiveUpReason | 'wait' | 'line_full', CounterSlot>>
  readonly cancelled: Readonly<Record<GiveUpReason, CounterSlot>>
  readonly cancelRequests: Readonly<Record<CancelOutcome, CounterSlot>>
  /** Statements that were sent beside one of other work. */
  readonly shared: CounterSlot
  /** Statements that failed without effect and for no fault of their own, and were sent once more. */
  readonly retried: CounterSlot
  /** `SET statement_timeout` that were sent. */
  readonly timeoutChanges: CounterSlot
  readonly overrunSeconds: Readonly<Record<GiveUpReason, CounterSlot>>
  readonly overruns: Readonly<Record<GiveUpReason, CounterSlot>>
  /** Nothing reads the gauges any more. */
  readonly close: Cancel
}

const waitBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * The pool's metrics: named after OpenTelemetry's conventions for database clients where they have
 * one, and those of `work_after_caller_left`, which other kinds of work share.
 *
 * @param state what the gauges show at a scrape
 * @see https://opentelemetry.io/docs/specs/semconv/database/database-metrics/
 */
export function poolMetrics (registry: MetricsRegistry, state: () => PoolState): PoolMetrics {
  const connections = registry.gauge({
    name: 'db_client_connections',
    help: 'Connections of the pool, by what they do.',
    labels: ['state'],
    merge: 'sum',
  })
  const used = connections.slot({ state: 'used' })
  const idle = connections.slot({ state: 'idle' })
  const max = registry.gauge({
    name: 'db_client_connections_max',
    help: 'Connections that the pool may open.',
    merge: 'sum',
  }).slot()
  const waiting = registry.gauge({
    name: 'db_client_connections_waiting',
    help: 'Work that waits for a connection.',
    merge: 'sum',
  }).slot()
  const byClass = registry.gauge({
    name: 'db_client_class_connections',
    help: 'Connections in use, by the class of work that uses them.',
    labels: ['class'],
    merge: 'sum',
  })
  const waitingByClass = registry.gauge({
    name: 'db_client_class_waiting',
    help: 'Work that waits for a connection, by its class.',
    labels: ['class'],
    merge: 'sum',
  })
  const classSlots = poolClasses.map((poolClass) => ({
    poolClass,
    used: byClass.slot({ class: poolClass }),
    waiting: waitingByClass.slot({ class: poolClass }),
  }))
  const close = registry.onCollect(() => {
    const now = state()
    for (const slot of classSlots) {
      slot.used.set(now.classes[slot.poolClass].used)
      slot.waiting.set(now.classes[slot.poolClass].waiting)
    }
    used.set(now.used)
    idle.set(now.idle)
    max.set(now.max)
    waiting.set(now.waiting)
  })

  const timeouts = registry.counter({
    name: 'db_client_connection_timeouts_total',
    help: 'Waits for a connection that ended without one, by why.',
    labels: ['reason'],
  })
  const cancelled = registry.counter({
    name: 'db_client_statements_cancelled_total',
    help: 'Statements that were given up while they ran, by why.',
    labels: ['reason'],
  })
  const cancelRequests = registry.counter({
    name: 'db_client_cancel_requests_total',
    help: 'Cancel requests to the database, by what became of them.',
    labels: ['outcome'],
  })
  const work = ['work', 'reason'] as const
  const overrunSeconds = registry.counter({
    name: 'work_after_caller_left_seconds_total',
    help: 'Time that work went on after its caller had left or its deadline had passed.',
    labels: work,
  })
  const overruns = registry.counter({
    name: 'work_after_caller_left_total',
    help: 'Pieces of work that went on after their caller had left or their deadline had passed.',
    labels: work,
  })
  const byReason = <Slot>(slot: (reason: GiveUpReason) => Slot): Readonly<Record<GiveUpReason, Slot>> => ({
    deadline: slot('deadline'),
    caller_gone: slot('caller_gone'),
  })
  return {
    waits: registry.histogram({
      name: 'db_client_connection_wait_time_seconds',
      help: 'How long work waited for a connection.',
      bounds: waitBounds,
    }).slot(),
    timeouts: {
      ...byReason((reason) => timeouts.slot({ reason })),
      wait: timeouts.slot({ reason: 'wait' }),
      line_full: timeouts.slot({ reason: 'line_full' }),
    },
    cancelled: byReason((reason) => cancelled.slot({ reason })),
    cancelRequests: {
      processed: cancelRequests.slot({ outcome: 'processed' }),
      not_sent: cancelRequests.slot({ outcome: 'not_sent' }),
      in_doubt: cancelRequests.slot({ outcome: 'in_doubt' }),
    },
    shared: registry.counter({
      name: 'db_client_statements_shared_total',
      help: 'Statements of different work that were sent together over one connection.',
    }).slot(),
    retried: registry.counter({
      name: 'db_client_statements_retried_total',
      help:
        'Statements sent once more: their prepared form was gone, or a cancel request for another hit them.',
    }).slot(),
    timeoutChanges: registry.counter({
      name: 'db_client_statement_timeout_changes_total',
      help: 'Changes of the statement timeout of a session, a message each.',
    }).slot(),
    overrunSeconds: byReason((reason) => overrunSeconds.slot({ work: 'statement', reason })),
    overruns: byReason((reason) => overruns.slot({ work: 'statement', reason })),
    close,
  }
}
