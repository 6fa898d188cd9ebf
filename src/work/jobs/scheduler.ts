import type { Pool } from 'pg'
import { prepareTables, type Transaction, transaction } from '../../data/index.ts'
import { quoteIdentifier } from '../../engines/index.ts'
import { type Cancel, type Clock, type Random, runWithoutContext } from '../../kernel/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import type { Schedule } from './schedule.ts'
import { inBackground } from './worker/index.ts'

export interface SchedulerParts {
  readonly pool: Pool
  readonly schema: string | undefined
  readonly schedules: readonly Schedule[]
  readonly enqueue: (tx: Transaction, schedule: Schedule, at: Date) => Promise<void>
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/** A run that is later than this was missed, in milliseconds. */
const lateMs = 60_000
/** Missed runs that are made up for at most. */
const mostMissed = 100
/** Longest sleep, in milliseconds: a wall clock that was set is noticed after it. */
const longestSleepMs = 30_000
/** After a failure, and while the database's clock is behind this one. */
const againMs = 1_000

/**
 * Enqueues the runs of schedules. A row of each schedule holds the time up to which its runs are enqueued; who moves it
 * forward enqueues what is due in the same transaction. So each run is enqueued once over all processes, whichever of them
 * are up, and what nobody was up for is known.
 *
 * The database's clock decides what is due, so that a process whose clock is ahead enqueues nothing too early.
 */
export class Scheduler {
  readonly #parts: SchedulerParts
  readonly #table: string
  #cancel: Cancel | undefined
  #looking: Promise<void> | undefined
  #isClosed = false

  constructor (parts: SchedulerParts) {
    this.#parts = parts
    const table = 'plimsoll_job_schedule'
    this.#table = parts.schema === undefined ? table : `${quoteIdentifier(parts.schema)}.${table}`
  }

  async start (): Promise<void> {
    const { pool, schema, schedules } = this.#parts
    if (schedules.length === 0) return
    await prepareTables(pool, {
      part: 'jobs-schedules',
      schema,
      versions: [[
        `CREATE TABLE plimsoll_job_schedule (
          name text PRIMARY KEY,
          pattern text NOT NULL,
          enqueued_until timestamptz NOT NULL
        )`,
      ]],
    })
    // A new schedule, and one whose times were changed, begins now: it has missed nothing.
    for (const { name, pattern } of schedules) {
      await pool.query(
        `INSERT INTO ${this.#table} AS known VALUES ($1, $2, clock_timestamp())
        ON CONFLICT (name) DO UPDATE SET pattern = excluded.pattern, enqueued_until = clock_timestamp()
        WHERE known.pattern <> excluded.pattern`,
        [name, pattern]
      )
    }
    this.#sleep(0)
  }

  async close (): Promise<void> {
    this.#isClosed = true
    this.#cancel?.()
    await this.#looking
  }

  /** Enqueues what is due now. For tests, and for those who cannot wait. */
  async look (): Promise<void> {
    for (const schedule of this.#parts.schedules) await this.#advance(schedule)
  }

  #sleep (ms: number): void {
    if (this.#isClosed) return
    this.#cancel = runWithoutContext(() =>
      this.#parts.clock.after(ms, () => {
        this.#looking = this.#lookSafely().finally(() => {
          this.#looking = undefined
        })
      })
    )
  }

  async #lookSafely (): Promise<void> {
    const { logger, clock, random } = this.#parts
    try {
      await inBackground(clock, () => this.look())
      this.#sleep(this.#untilNextMs())
    } catch (error) {
      logger.warn({ err: error }, 'schedules could not be looked at; trying again')
      this.#sleep(againMs * (0.5 + random()))
    }
  }

  #untilNextMs (): number {
    const nowMs = this.#parts.clock.epochMs()
    // What is due by this clock and was not enqueued waits for that of the database.
    const nexts = this.#parts.schedules.map(({ nextAfter }) =>
      nextAfter(new Date(nowMs))?.getTime() ?? Infinity
    )
    return Math.min(longestSleepMs, ...nexts.map((atMs) => Math.max(againMs / 10, atMs - nowMs)))
  }

  async #advance (schedule: Schedule): Promise<void> {
    const { pool, clock, enqueue } = this.#parts
    const { name, nextAfter } = schedule
    const select =
      `SELECT enqueued_until AS until, clock_timestamp() AS now FROM ${this.#table} WHERE name = $1`
    const { rows: [seen] } = await pool.query<Marks>(select, [name])
    if (seen === undefined || (nextAfter(seen.until) ?? seen.until) > seen.now) return
    await transaction(pool, async (tx) => {
      const { rows: [row] } = await tx.query<Marks>(`${select} FOR UPDATE`, [name])
      if (row === undefined) return
      const due = dueRuns(schedule, row)
      for (const at of due.runs) await enqueue(tx, schedule, at)
      if (due.until !== undefined)
        await tx.query(`UPDATE ${this.#table} SET enqueued_until = $2 WHERE name = $1`, [name, due.until])
      this.#tell(name, due, clock)
    })
  }

  #tell (name: string, { missed, runs }: DueRuns, clock: Clock): void {
    if (missed === 0) return
    this.#parts.logger.warn(
      { schedule: name, missed, enqueued: runs.length, at: new Date(clock.epochMs()).toISOString() },
      'runs of a schedule were missed: no worker was up at their time'
    )
  }
}

interface Marks {
  readonly until: Date
  readonly now: Date
}

interface DueRuns {
  /** To enqueue, in order. */
  readonly runs: readonly Date[]
  /** Of the last {@link mostMissed}, those whose time was so long ago that nobody was up. */
  readonly missed: number
  /** The latest time that is dealt with. */
  readonly until: Date | undefined
}

/** What to enqueue of the times since `until`, by what the schedule says of missed ones. */
export function dueRuns (
  { latestUntil, missed: rule }: Pick<Schedule, 'latestUntil' | 'missed'>,
  { until, now }: Marks
): DueRuns {
  const times = latestUntil(now, mostMissed).filter((at) => at > until)
  const onTime = times.filter((at) => now.getTime() - at.getTime() <= lateMs)
  const madeUp = { skip: onTime, once: onTime.length > 0 ? onTime : times.slice(-1), all: times }
  return { runs: madeUp[rule], missed: times.length - onTime.length, until: times.at(-1) }
}
