import type { Pool } from 'pg'
import { prepareTables } from '../../../data/index.ts'
import {
  type Clock,
  type Duration,
  parseDuration,
  runWithoutContext,
  systemClock,
  uuidv7,
} from '../../../kernel/index.ts'
import { auditKept, deadTables, prepareDeadTables, sweepAudit } from '../failure/index.ts'
import { claimStatements } from './claim-sql.ts'
import { Claimer } from './claimer.ts'
import { enqueueStatements } from './enqueue-sql.ts'
import { Enqueuer } from './enqueuer.ts'
import { FairExchange } from './fair-exchange.ts'
import { FairTags } from './fair-tags.ts'
import { HeldBatches } from './held-batches.ts'
import type { JobStore } from './job-store.ts'
import { unpackSql } from './lease-pack.ts'
import { QueueUpkeep } from './queue-upkeep.ts'
import { Receipts } from './receipts.ts'
import { settleStatements } from './settle-sql.ts'
import { Settler } from './settler.ts'
import { statement } from './statement.ts'
import { jobTables, jobTableVersions } from './tables.ts'
import { TierStates } from './tier-states.ts'
import { upkeepStatements } from './upkeep-sql.ts'

export interface PostgresJobStoreOptions {
  /** Yours to close. */
  readonly pool: Pool
  /** Holds the tables. @default the first schema of the search path */
  readonly schema?: string | undefined
  /** How long receipts are kept from when their job was enqueued; a day after its end at least. @default '7d' */
  readonly receiptKeep?: Duration
  /** How long it is kept what people did with dead letters that are gone. @default '90d' */
  readonly auditKeep?: Duration | undefined
  /** Hears of statements in the background that failed; they are tried again. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
}

/**
 * Jobs in PostgreSQL 14 or later, in the database of those who enqueue them. Leases and due times are measured by the
 * server's clock.
 *
 * A claim and a settlement wait for the disk, as any commit: a claim that a crash of the server forgets would let a job
 * run twice at the same time. A renewal does not.
 */
export function postgresJobStore (options: PostgresJobStoreOptions): JobStore {
  const { pool, schema, receiptKeep = '7d', auditKeep = auditKept } = options
  const receiptMs = parseDuration(receiptKeep, 'jobs.receiptKeep')
  const auditMs = parseDuration(auditKeep, 'jobs.auditKeep')
  const { onError = () => {}, clock = systemClock } = options
  const tables = jobTables(schema)
  const { letters } = deadTables(schema)
  const tags = new FairTags()
  const held = new HeldBatches(clock)
  const exchange = new FairExchange({ pool, tables, tags, clock, onError })
  const enqueuer = new Enqueuer(enqueueStatements(tables), tags, exchange)
  const settler = new Settler({ pool, sql: settleStatements(tables, letters), held, clock, onError })
  const claimer = new Claimer({
    pool,
    sql: claimStatements(tables),
    owner: `${process.pid} ${uuidv7(clock)}`,
    tags,
    exchange,
    held,
    clock,
    settle: (token, outcomes) => settler.settle(token, outcomes),
  })
  const upkeep = new QueueUpkeep({
    pool,
    sql: upkeepStatements(tables, letters),
    clock,
    receiptMs,
    sweepOthers: () => sweepAudit(pool, schema, auditMs),
  })
  const receipts = new Receipts(pool, tables, held)
  const states = new TierStates(pool, tables, letters)
  const queued = queuedStatement(schema)
  let closing: Promise<void> | undefined

  async function close (): Promise<void> {
    settler.close()
    await exchange.close()
  }
  return {
    name: 'postgres',
    async prepare () {
      await prepareTables(pool, { part: 'jobs', schema, versions: jobTableVersions })
      await prepareDeadTables(pool, schema)
      await runWithoutContext(() => exchange.open())
    },
    enqueue: (tx, jobs) => enqueuer.enqueue(tx, jobs),
    claim: (request) => claimer.claim(request),
    renew: (tokens, leaseMs) => claimer.renew(tokens, leaseMs),
    settle: (token, outcomes) => settler.settle(token, outcomes),
    settleIn: (tx, token, outcome) => settler.settleIn(tx, token, outcome),
    giveBack: (token, ids) => claimer.giveBack(token, ids),
    async upkeep () {
      await claimer.settleDoubt()
      return upkeep.run()
    },
    receipt: async (id) => (await receipts.read([id]))[0],
    receipts: (ids) => receipts.read(ids),
    progress: (token, id, progress) => receipts.progress(token, id, progress),
    cancel: (id) => receipts.cancel(id),
    tiers: () => states.read(),
    async queued (ids) {
      const { rows } = await pool.query<{ id: string }>({ ...queued, values: [ids] })
      return new Set(rows.map(({ id }) => id))
    },
    close: () => closing ??= close(),
    [Symbol.asyncDispose]: () => closing ??= close(),
  }
}

function queuedStatement (schema: string | undefined): ReturnType<typeof statement> {
  const { job, later, held, lease, settled } = jobTables(schema)
  return statement(`
    SELECT id FROM ${job} WHERE id = ANY ($1::uuid[])
    UNION SELECT id FROM ${later} WHERE id = ANY ($1::uuid[])
    UNION SELECT id FROM ${held} WHERE id = ANY ($1::uuid[])
    UNION SELECT id FROM (${unpackSql(lease)}) AS leased WHERE id = ANY ($1::uuid[]) AND at <> ALL (settled)
      AND NOT EXISTS (SELECT FROM ${settled} AS mark WHERE mark.token = leased.token AND mark.at = leased.at)`)
}
