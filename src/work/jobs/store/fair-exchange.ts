import type { Pool } from 'pg'
import { type Cancel, type Clock, runWithoutContext } from '../../../kernel/index.ts'
import { type FairTags, type Lane, stepOf } from './fair-tags.ts'
import { type Statement, statement, unflushed } from './statement.ts'
import type { JobTables } from './tables.ts'

/** Tells and hears at most so often while there is something to tell, and of tenants it does not know so often. */
const pace = { busyMs: 50, idleMs: 1_000 } as const

/** Of tenants that are as far ahead as this many jobs of weight 1, all processes hear: the farthest so many. */
const farAhead = 64
const mostShares = 1_000

/** Nobody is so far ahead. */
const never = 2n ** 62n

interface Heard {
  readonly kind: 'time' | 'share'
  readonly tier: string
  readonly rank: number
  readonly tenant: string
  readonly value: string
}

/**
 * Keeps a process's {@link FairTags} near those of the others, through the tables of clocks and shares, by a short
 * statement of its own: no caller's transaction holds their rows, and no enqueue waits for them.
 */
export class FairExchange {
  readonly #pool: Pool
  readonly #tags: FairTags
  readonly #clock: Clock
  readonly #sql: Statement
  readonly #onError: (error: unknown) => void
  #cancelBusy: Cancel | undefined
  #cancelIdle: Cancel | undefined
  #running: Promise<void> | undefined
  #closed = false
  #hearsAll = true

  constructor (
    options: {
      readonly pool: Pool
      readonly tables: JobTables
      readonly tags: FairTags
      readonly clock: Clock
      readonly onError: (error: unknown) => void
    }
  ) {
    this.#pool = options.pool
    this.#tags = options.tags
    this.#clock = options.clock
    this.#sql = exchangeStatement(options.tables)
    this.#onError = options.onError
  }

  /** Hears how the lanes stand, and keeps hearing it. @throws what the database answers */
  async open (): Promise<void> {
    await this.#exchange()
    this.#cancelIdle = this.#clock.every(pace.idleMs, () => {
      this.#hearsAll = true
      void this.run()
    })
  }

  /** There is something to tell, soon. */
  changed (): void {
    if (this.#closed) return
    this.#cancelBusy ??= this.#clock.after(pace.busyMs, () => {
      this.#cancelBusy = undefined
      void this.run()
    })
  }

  /** Tells and hears now; a failure is heard of by `onError` alone, and what could not be told is told next time. */
  run (): Promise<void> {
    this.#running ??= this.#exchange().catch(this.#onError).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Tells what there is to tell, and stops. */
  async close (): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelIdle?.()
    this.#cancelBusy?.()
    await this.#running
    await this.run()
  }

  async #exchange (): Promise<void> {
    const told = this.#tags.tell()
    const { charges, times } = told
    const values = [
      times.map(({ tier }) => tier),
      times.map(({ rank }) => rank),
      times.map(({ now }) => now),
      charges.map(({ tier }) => tier),
      charges.map(({ rank }) => rank),
      charges.map(({ tenant }) => tenant),
      charges.map(({ used }) => used),
      charges.map(({ last }) => last),
      this.#hearsAll ? stepOf(1) * BigInt(farAhead) : never,
    ]
    this.#hearsAll = false
    try {
      const { rows } = await runWithoutContext(() => this.#pool.query<Heard>({ ...this.#sql, values }))
      const lane = ({ tier, rank }: Heard): Lane => ({ tier, rank })
      const [heardTimes, heardShares] = [rows.filter(isTime), rows.filter((row) => !isTime(row))]
      this.#tags.hear(
        heardShares.map((row) => ({ ...lane(row), tenant: row.tenant, last: BigInt(row.value) })),
        heardTimes.map((row) => ({ ...lane(row), now: BigInt(row.value) }))
      )
    } catch (error) {
      this.#tags.untold(told)
      throw error
    }
  }
}

function isTime ({ kind }: Heard): boolean {
  return kind === 'time'
}

/** Rows are written in one order, so that two exchanges cannot wait for each other. */
function exchangeStatement ({ clock, share }: JobTables): Statement {
  return statement(`
    WITH times AS (
      INSERT INTO ${clock} AS known (tier, rank, now)
      SELECT tier, rank, now FROM unnest($1::text[], $2::smallint[], $3::bigint[]) AS row (tier, rank, now)
      ORDER BY tier, rank
      ON CONFLICT (tier, rank) DO UPDATE SET now = greatest(known.now, excluded.now)
      RETURNING tier, rank, now
    ), shares AS (
      INSERT INTO ${share} AS known (tier, rank, tenant, used, last)
      SELECT tier, rank, tenant, used, last
      FROM unnest($4::text[], $5::smallint[], $6::text[], $7::bigint[], $8::bigint[])
        AS row (tier, rank, tenant, used, last)
      ORDER BY tier, rank, tenant
      ON CONFLICT (tier, rank, tenant) DO UPDATE
        SET last = greatest(known.last + excluded.used, excluded.last), used = excluded.used
      RETURNING tier, rank, tenant, last
    ), told AS (
      SELECT tier, rank, now FROM times
      UNION ALL
      SELECT tier, rank, now FROM ${clock} WHERE (tier, rank) NOT IN (SELECT tier, rank FROM times)
    )
    SELECT 'time' AS kind, tier, rank, '' AS tenant, now::text AS value, ${unflushed} FROM told
    UNION ALL
    SELECT 'share', tier, rank, tenant, last::text, ${unflushed} FROM shares
    UNION ALL
    (SELECT 'share', tier, rank, tenant, last::text, ${unflushed} FROM ${share} JOIN told USING (tier, rank)
      WHERE last - now > $9::bigint ORDER BY last - now DESC LIMIT ${mostShares})`)
}
