import type { Pool } from 'pg'
import { type Clock, type Random, SettingError, systemClock, systemRandom } from '../../kernel/index.ts'
import type { Leases } from '../lease/index.ts'
import type { OutboxLog } from '../outbox/index.ts'
import type { EventSource } from './event-source.ts'
import { forgetOthers, layoutOf, placeName } from './log-places.ts'
import { LogStream } from './log-stream.ts'
import { ShardTrials } from './shard-trials.ts'

export interface LogSourceOptions {
  readonly log: OutboxLog
  /** Of the service's database; yours to close. */
  readonly pool: Pool
  /** Of the service's database; yours to close. */
  readonly leases: Leases
  /** Holds the tables of the consumers. @default the first schema of the search path */
  readonly schema?: string | undefined
  /**
   * Parts into which the keys are divided for a consumer that starts for the first time, or anew by a replay: so many
   * processes can share its work. @default 4
   */
  readonly shards?: number
  /** How often processes look whether they have their share of the parts, in milliseconds. @default 2000 */
  readonly lookEveryMs?: number
  /** Hears of what failed and is tried again: while the database is away, say. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
  readonly random?: Random
}

/**
 * The outbox as the source: no broker needed. Each consumer keeps a checkpoint for each part of the keys; a part is read
 * by the one process that holds its lease.
 */
export function logSource (options: LogSourceOptions): EventSource {
  const { log, pool, leases, schema, shards = 4, lookEveryMs = 2_000, onError = () => {} } = options
  const { clock = systemClock, random = systemRandom } = options
  if (!(Number.isInteger(shards) && shards >= 1 && shards <= 256))
    throw new SettingError('logSource.shards', 'a whole number from 1 to 256', shards)
  const trials = new ShardTrials(pool, schema)
  return {
    name: 'log',
    async subscribe (subscription) {
      const { consumer, incarnation, from } = subscription
      const own = await layoutOf(log, consumer, incarnation) ?? shards
      for (let at = 0; at < own; at++)
        await log.checkpoints.open(
          placeName(consumer, incarnation, own, at),
          from === 'beginning' ? 'start' : 'head'
        )
      // Somebody who started at the same time may have divided the keys otherwise: the fewest parts count.
      const of = await layoutOf(log, consumer, incarnation) ?? own
      await forgetOthers(log, consumer, incarnation, of)
      const stream = new LogStream({
        log,
        pool,
        leases,
        trials,
        subscription,
        shards: of,
        lookEveryMs,
        onError,
        clock,
        random,
      })
      await stream.open()
      return stream
    },
    async rewind ({ consumer, incarnation, from }) {
      for (let at = 0; at < shards; at++)
        await log.checkpoints.open(
          placeName(consumer, incarnation, shards, at),
          from === 'beginning' ? 'start' : from
        )
      await forgetOthers(log, consumer, incarnation, shards)
    },
  }
}
