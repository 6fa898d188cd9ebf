import type { Pool } from 'pg'
import { prepareTables } from '../../data/index.ts'
import {
  type Cancel,
  type Clock,
  type Duration,
  finishing,
  parseDuration,
  runWithoutContext,
  SettingError,
  systemClock,
} from '../../kernel/index.ts'
import { type Logger, MetricsRegistry } from '../../telemetry/index.ts'
import { type EventOutlet, type LogPosition, logPosition, outlets } from '../events/index.ts'
import { alongIndex } from './along-index.ts'
import { appendTo } from './append.ts'
import { PostgresCheckpoints } from './checkpoints.ts'
import { clusterNow, lowestRunning, moveInTo } from './epoch.ts'
import { OutboxStalledError } from './errors.ts'
import type { LogCheckpoints, LogRead, OutboxLog, Stall } from './outbox-log.ts'
import { type OutboxMetrics, outboxMetrics } from './outbox-metrics.ts'
import { type OutboxNames, outboxNames } from './outbox-names.ts'
import { outboxTables } from './outbox-tables.ts'
import { Pulse } from './pulse.ts'
import { LogReader, type TimedBatch } from './read-log.ts'
import { keepUp } from './retention.ts'
import { findStall } from './stalls.ts'

export interface OutboxOptions {
  /** In whose transactions events are emitted; yours to close. */
  readonly pool: Pool
  /**
   * For reading, relays and upkeep, e.g. `governed.reserve('relay')`, so that they neither take the connections of requests
   * nor wait behind them; yours to close. @default `pool`
   */
  readonly background?: Pool
  /** Holds the tables. @default the first schema of the search path */
  readonly schema?: string | undefined
  /** How long events are kept, for those who come later or begin anew. @default '7d' */
  readonly keep?: Duration
  /**
   * A reader that has not saved its checkpoint for so long is given up: events that it has not read are dropped when their
   * time has come. @default never: the log grows until it comes back, or its checkpoint is removed
   */
  readonly forsakeAfter?: Duration
  /**
   * Whether there still is a reader of a checkpoint. Those of which it says no are named in the log once, and counted in a
   * metric: they may keep the log from being dropped for good. @default all are there
   */
  readonly isDeclared?: (checkpoint: string) => boolean
  /** The longest pause between two looks for new events of other processes. @default '100ms' */
  readonly idlePause?: Duration
  /** A stall of so long is logged, and fails `check`. @default '30s' */
  readonly stallAfter?: Duration
  /** @default one of its own, which nobody reads */
  readonly registry?: MetricsRegistry
  readonly logger?: Logger
  readonly clock?: Clock
}

/** The outbox of a service: what it emits, and the log that others read. */
export interface Outbox extends OutboxLog, EventOutlet {
  /** The tables, and the pool for what goes on in the background: for what belongs to the outbox. */
  readonly pool: Pool
  readonly names: OutboxNames
  read(read: LogRead): Promise<TimedBatch>
  /** Begins the regular upkeep, which any number of processes may do. */
  start(): Promise<void>
  /** Turns segments, drops what nobody needs any more, and looks for stalls: once, now. */
  upkeep(): Promise<void>
  /** @throws OutboxStalledError when events have waited for one transaction for longer than `stallAfter` */
  check(): Promise<void>
}

/** Between two looks while there is something to read, in milliseconds: events that come in between are read together. */
const busyMs = 10
const upkeepMs = 5_000

/**
 * Makes the outbox ready: from now on events that are emitted in transactions of the pool go to its log.
 *
 * @throws SettingError; what the database says when the tables cannot be made
 */
export async function openOutbox (options: OutboxOptions): Promise<Outbox> {
  const { pool, schema, registry = new MetricsRegistry() } = options
  const settings = {
    keepMs: parseDuration(options.keep ?? '7d', 'outbox.keep'),
    forsakeAfterMs: options.forsakeAfter === undefined ?
      Infinity :
      parseDuration(options.forsakeAfter, 'outbox.forsakeAfter'),
    idleMs: parseDuration(options.idlePause ?? '100ms', 'outbox.idlePause'),
    stallAfterMs: parseDuration(options.stallAfter ?? '30s', 'outbox.stallAfter'),
  }
  if (!(settings.keepMs >= 1_000)) throw new SettingError('outbox.keep', 'at least 1 s', options.keep)
  if (!(settings.idleMs >= busyMs))
    throw new SettingError('outbox.idlePause', `at least ${busyMs} ms`, options.idlePause)
  await prepareTables(pool, { part: 'outbox', schema, versions: outboxTables })
  const names = outboxNames(schema)
  await pool.query(moveInTo(names))
  return new PostgresOutbox(names, settings, registry, options)
}

interface Settings {
  readonly keepMs: number
  readonly forsakeAfterMs: number
  readonly idleMs: number
  readonly stallAfterMs: number
}

interface HeadRow {
  readonly epoch: number
  readonly xid: string
  readonly tail_epoch: number | null
  readonly tail_xid: string
  readonly tail_position: string
}

class PostgresOutbox implements Outbox {
  readonly pool: Pool
  readonly names: OutboxNames
  readonly checkpoints: LogCheckpoints
  readonly append: EventOutlet['append']
  readonly #emitting: Pool
  readonly #settings: Settings
  readonly #reader: LogReader
  readonly #pulse: Pulse
  readonly #metrics: OutboxMetrics
  readonly #clock: Clock
  readonly #logger: Logger | undefined
  #stall: Stall | undefined
  readonly #isDeclared: (checkpoint: string) => boolean
  #undeclared: readonly string[] = []
  #lags: readonly { readonly name: string; readonly lagSeconds: number }[] = []
  #upkeep: Promise<void> | undefined
  #cancel: Cancel | undefined

  constructor (
    names: OutboxNames,
    settings: Settings,
    registry: MetricsRegistry,
    { pool: emitting, background: pool = emitting, clock = systemClock, logger, isDeclared = () => true }:
      OutboxOptions
  ) {
    this.#isDeclared = isDeclared
    this.pool = pool
    this.#emitting = emitting
    this.names = names
    this.#settings = settings
    this.#clock = clock
    this.#logger = logger
    this.#reader = new LogReader(pool, names)
    this.checkpoints = new PostgresCheckpoints(pool, names, this)
    this.#pulse = new Pulse({
      look: (since) => this.#reader.hasNews(since),
      busyMs,
      idleMs: settings.idleMs,
      clock,
      onError: (error) => logger?.warn({ err: error }, 'the outbox could not be looked at'),
    })
    this.#metrics = outboxMetrics(registry, () => ({
      stallSeconds: (this.#stall?.held ?? 0) > 0 ? this.#stall!.ageMs / 1000 : 0,
      heldEvents: this.#stall?.held ?? 0,
      readers: this.#lags,
      undeclared: this.#undeclared.length,
    }))
    const append = appendTo(names)
    this.append = async (tx, events) => {
      const written = await append(tx, events)
      this.#metrics.written.add(written.length)
      this.#pulse.hint()
      return written
    }
    outlets.bind(emitting, this)
  }

  read (read: LogRead): Promise<TimedBatch> {
    return this.#reader.read(read)
  }

  wait (after: LogPosition, maxMs: number, signal: AbortSignal): Promise<boolean> {
    return this.#pulse.wait(after, maxMs, signal)
  }

  async head (): Promise<LogPosition> {
    const { epoch, xid } = await this.#ends()
    return logPosition(epoch, xid)
  }

  async tail (): Promise<LogPosition | undefined> {
    const { tail_epoch: epoch, tail_xid: xid, tail_position: position } = await this.#ends()
    return epoch === null ? undefined : logPosition(epoch, xid, position)
  }

  stall (): Promise<Stall | undefined> {
    return findStall(this.pool, this.names)
  }

  async check (): Promise<void> {
    const stall = await this.stall()
    if (stall !== undefined && stall.held > 0 && stall.ageMs >= this.#settings.stallAfterMs)
      throw new OutboxStalledError(stall)
  }

  async start (): Promise<void> {
    this.#cancel ??= this.#clock.every(upkeepMs, () => {
      this.#upkeep ??= runWithoutContext(() => this.upkeep())
        .catch((error: unknown) => this.#logger?.warn({ err: error }, 'upkeep of the outbox failed'))
        .finally(() => {
          this.#upkeep = undefined
        })
    })
  }

  async upkeep (): Promise<void> {
    const { keepMs, forsakeAfterMs } = this.#settings
    await this.#watch()
    const onForsaken = (name: string): void => {
      this.#metrics.forsaken.add()
      this.#logger?.error(
        { reader: name, forsake_after_ms: forsakeAfterMs },
        `events were dropped that ${name} had not read: it has not been heard of for longer than forsakeAfter`
      )
    }
    await keepUp({ pool: this.pool, names: this.names, keepMs, forsakeAfterMs, onForsaken })
  }

  async close (): Promise<void> {
    outlets.unbind(this.#emitting, this)
    this.#cancel?.()
    this.#pulse.close()
    this.#metrics.close()
    await finishing(async () => await this.#upkeep)
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  async #watch (): Promise<void> {
    this.#stall = await this.stall()
    const { rows } = await alongIndex(this.pool, (tx) =>
      tx.query<{ name: string; lag: number }>(
        `SELECT name, greatest(0, extract(epoch FROM clock_timestamp() - created_at))::float8 AS lag
        FROM ${this.names.readers} AS reader LEFT JOIN LATERAL (
          SELECT created_at FROM ${this.names.log} AS log
          WHERE (log.epoch, log.xid, log.position) > (reader.epoch, reader.xid, reader.position)
          ORDER BY log.epoch, log.xid, log.position LIMIT 1
        ) AS first ON true`
      ))
    this.#lags = rows.map(({ name, lag }) => ({ name, lagSeconds: lag ?? 0 }))
    this.#tellUndeclared(rows.map(({ name }) => name).filter((name) => !this.#isDeclared(name)))
    const stall = this.#stall
    if (stall !== undefined && stall.held > 0 && stall.ageMs >= this.#settings.stallAfterMs) {
      const error = new OutboxStalledError(stall)
      this.#logger?.error(
        { pid: stall.pid, query: stall.query, age_ms: stall.ageMs, held: stall.held },
        error.message
      )
    }
  }

  #tellUndeclared (names: readonly string[]): void {
    const news = names.filter((name) => !this.#undeclared.includes(name))
    this.#undeclared = names
    if (news.length === 0) return
    this.#logger?.warn(
      { readers: news },
      `events are kept for readers that this service does not declare: ${news.join(', ')}. ` +
        'If they are gone for good, remove their checkpoints (outbox.checkpoints.remove) or set events.forsakeAfter'
    )
  }

  async #ends (): Promise<HeadRow> {
    const text = `SELECT epoch, ${lowestRunning}::text AS xid,
        tail_epoch, tail_xid::text, tail_position::text FROM ${this.names.state} WHERE cluster = ${clusterNow}`
    const { rows: [row] } = await this.pool.query<HeadRow>(text)
    if (row !== undefined) return row
    await this.pool.query(moveInTo(this.names))
    return await this.#ends()
  }
}
