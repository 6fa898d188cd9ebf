import type { Pool } from 'pg'
import {
  type Clock,
  type Duration,
  parseDuration,
  type Random,
  SettingError,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'
import type { Transaction } from '../transaction/index.ts'
import { LogWrites } from './log-writes.ts'
import { MemoryWrites } from './memory-writes.ts'
import { type PurgeTags, TagPurger } from './tag-purger.ts'
import { writeCounts } from './write-counts.ts'
import { WriteLog } from './write-log.ts'
import type { BufferedWrite, WriteParts } from './write-parts.ts'

/**
 * What an accepted write survives:
 *
 * - `memory`: nothing. A process that is killed loses what it has accepted within the last `maxDelay` and the time that a
 *   batch takes; while the database is away, up to `buffer` keys. When a commit is in doubt its batch is applied again, so
 *   `apply` has to bear being repeated.
 * - `log`: what the database survives. A write is accepted once it is committed to a log table, and is taken from there and
 *   applied in one transaction: exactly once.
 */
export type Durability = 'memory' | 'log'

export interface WriteBehindOptions<Value> {
  /** Names the buffer in metrics and in the log: letters, digits, `_ . -`. Processes with one name share a log. */
  readonly name: string
  /** Yours to close, after the buffer. */
  readonly pool: Pool
  /** No default: only you can know what may be lost. */
  readonly durability: Durability
  /**
   * Writes a batch, one entry a key, in the order in which the keys came. It is called by one process at a time for the
   * durability `log`, by each process for itself for `memory`.
   */
  readonly apply: (tx: Transaction, batch: readonly BufferedWrite<Value>[]) => Promise<void>
  /** Makes one value of two. @default the newer one */
  readonly merge?: (older: Value, newer: Value) => Value
  /** How long a write may wait before its batch begins. @default '200ms' */
  readonly maxDelay?: Duration
  /** Keys that are applied at once; a batch that is full does not wait. At least 1. @default 500 */
  readonly batch?: number
  /** Keys that may wait in memory; beyond, `write` waits for room. At least `batch`. @default 10,000 */
  readonly buffer?: number
  /** What is to be purged once a write has been applied. @default nothing */
  readonly tagsOf?: (key: string, value: Value) => readonly string[]
  /** @default nothing is purged */
  readonly purge?: PurgeTags
  /** Holds the table `plimsoll_write_log`. @default the first schema of the search path */
  readonly schema?: string
  /** How long `close` tries to apply what waits. @default '10s' */
  readonly closeWithin?: Duration
  /** Hears of each batch or purge that failed; it is tried again. For the log. */
  readonly onFailed?: (error: unknown) => void
  readonly registry?: MetricsRegistry
  readonly clock?: Clock
  readonly random?: Random
}

/** Writes that the database gets later, together. Values are JSON for the durability `log`. */
export interface WriteBehind<Value> extends AsyncDisposable {
  /** Makes the log table, where there is none; nothing for `memory`. */
  prepare(): Promise<void>
  /**
   * Resolves once the write is accepted; see {@link Durability}. While the buffer is full it waits for room.
   *
   * @param signal ends the wait for room
   * @throws the signal's reason; WriteBehindClosedError; for `log`, why the write could not be committed: it may have been,
   *   when the connection broke
   */
  write(key: string, value: Value, signal?: AbortSignal): Promise<void>
  /** Applies all that was accepted so far. @throws why it could not; it is tried again all the same */
  flush(): Promise<void>
  /** Keys that wait in memory. */
  readonly waiting: number
  /**
   * Applies what waits, and stops. A second call does nothing.
   *
   * @throws WritesLostError when the database did not take what was in memory only
   */
  close(): Promise<void>
}

/** @throws SettingError for an option out of its range */
export function writeBehind<Value> (options: WriteBehindOptions<Value>): WriteBehind<Value> {
  const { name, durability, batch = 500, buffer = Math.max(10_000, batch), tagsOf = () => [], purge } =
    options
  const { clock = systemClock, random = systemRandom, onFailed = () => {} } = options
  if (!/^[\w.-]{1,100}$/.test(name)) {
    throw new SettingError('writeBehind.name', '1 to 100 letters, digits, "_", "." or "-"', name)
  }
  if (!Number.isInteger(batch) || batch < 1) {
    throw new SettingError('writeBehind.batch', 'a whole number of at least 1', batch)
  }
  if (!Number.isInteger(buffer) || buffer < batch) {
    throw new SettingError('writeBehind.buffer', `a whole number of at least the batch, ${batch}`, buffer)
  }
  if (durability !== 'memory' && durability !== 'log') {
    throw new SettingError('writeBehind.durability', '"memory" or "log"', durability)
  }
  const purger = purge === undefined ? undefined : new TagPurger({ purge, clock, random, onFailed })
  const parts: WriteParts<Value> = {
    name,
    batch,
    buffer,
    onFailed,
    clock,
    random,
    pool: options.pool,
    apply: options.apply,
    merge: options.merge ?? ((_, newer) => newer),
    maxDelayMs: parseDuration(options.maxDelay ?? '200ms', 'writeBehind.maxDelay'),
    closeWithinMs: parseDuration(options.closeWithin ?? '10s', 'writeBehind.closeWithin'),
    counts: writeCounts(name, options.registry),
    async applied (writes) {
      await purger?.purge([...new Set(writes.flatMap(({ key, value }) => tagsOf(key, value)))])
    },
  }
  const writes = durability === 'memory' ?
    new MemoryWrites(parts) :
    new LogWrites(parts, new WriteLog<Value>(options.pool, name, options.schema))
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => closing ??= writes.close().finally(() => purger?.close())
  return {
    prepare: () => writes.prepare(),
    write: (key, value, signal) => writes.write(key, value, signal),
    flush: () => writes.flush(),
    get waiting () {
      return writes.waiting
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
