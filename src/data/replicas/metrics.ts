import type { Cancel } from '../../kernel/index.ts'
import type { CounterSlot, MetricsRegistry } from '../../telemetry/index.ts'
import type { ReplicaStatus } from './replica.ts'

/**
 * Why a read went to the primary:
 * - `own_write`: no replica shows yet what the unit of work wrote.
 * - `lag`: all replicas are further behind than `maxLag`.
 * - `down`: no replica can serve.
 * - `unknown`: the primary could not say where it stands.
 * - `token`: the caller's consistency token could not be read.
 * - `retry`: a replica failed the read.
 * - `none`: there are no replicas.
 */
export type PrimaryReason = 'own_write' | 'lag' | 'down' | 'unknown' | 'token' | 'retry' | 'none'

/** What was found about consistency tokens that came with work. */
export type TokenOutcome = 'accepted' | 'invalid' | 'invalid_ignored' | 'ahead' | 'other_timeline'

export interface ReplicaMetrics {
  readonly byReplica: (name: string) => CounterSlot
  readonly byPrimary: Readonly<Record<PrimaryReason, CounterSlot>>
  readonly waits: Readonly<Record<'caught_up' | 'in_vain', CounterSlot>>
  readonly tokens: Readonly<Record<TokenOutcome, CounterSlot>>
  readonly ejections: (name: string) => CounterSlot
  /** Nothing reads the gauges any more. */
  readonly close: Cancel
}

/** @param status what the gauges show at a scrape */
export function replicaMetrics (
  registry: MetricsRegistry,
  status: () => readonly ReplicaStatus[]
): ReplicaMetrics {
  const reads = registry.counter({
    name: 'plimsoll_data_reads_total',
    help: 'Reads by the server that they were sent to, and why there.',
    labels: ['target', 'reason'],
  })
  const waits = registry.counter({
    name: 'plimsoll_replica_waits_total',
    help: 'Short waits for a replica to show what the reader had written, by how they ended.',
    labels: ['outcome'],
  })
  const tokens = registry.counter({
    name: 'plimsoll_consistency_tokens_total',
    help: 'Consistency tokens that were looked at, by what was found.',
    labels: ['outcome'],
  })
  const ejections = registry.counter({
    name: 'plimsoll_replica_ejections_total',
    help: 'Times that a replica got no reads for a while, since connections to it broke.',
    labels: ['replica'],
  })
  const up = registry.gauge({
    name: 'plimsoll_replica_up',
    help: '1 while the replica can serve reads, else 0; of all workers, the least.',
    labels: ['replica'],
    merge: 'min',
  })
  const lagSeconds = registry.gauge({
    name: 'plimsoll_replica_lag_seconds',
    help: 'How old what the replica shows may be, at most; of all workers, the most.',
    labels: ['replica'],
    merge: 'max',
  })
  const lagBytes = registry.gauge({
    name: 'plimsoll_replica_lag_bytes',
    help: 'Bytes of the log of the primary that the replica has not replayed; of all workers, the most.',
    labels: ['replica'],
    merge: 'max',
  })
  const close = registry.onCollect(() => {
    for (const { name: replica, state, lagSeconds: seconds, lagBytes: bytes } of status()) {
      up.slot({ replica }).set(state === 'ready' ? 1 : 0)
      if (seconds !== undefined) lagSeconds.slot({ replica }).set(seconds)
      if (bytes !== undefined) lagBytes.slot({ replica }).set(bytes)
    }
  })
  const primary = (reason: PrimaryReason): CounterSlot => reads.slot({ target: 'primary', reason })
  const token = (outcome: TokenOutcome): CounterSlot => tokens.slot({ outcome })
  return {
    byReplica: (name) => reads.slot({ target: name, reason: 'replica' }),
    byPrimary: {
      own_write: primary('own_write'),
      lag: primary('lag'),
      down: primary('down'),
      unknown: primary('unknown'),
      token: primary('token'),
      retry: primary('retry'),
      none: primary('none'),
    },
    waits: { caught_up: waits.slot({ outcome: 'caught_up' }), in_vain: waits.slot({ outcome: 'in_vain' }) },
    tokens: {
      accepted: token('accepted'),
      invalid: token('invalid'),
      invalid_ignored: token('invalid_ignored'),
      ahead: token('ahead'),
      other_timeline: token('other_timeline'),
    },
    ejections: (replica) => ejections.slot({ replica }),
    close,
  }
}
