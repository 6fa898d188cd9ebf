import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import pg from 'pg'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { seededRandom } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { openLeases } from '../lease/index.ts'
import { openOutbox } from '../outbox/index.ts'
import type { ProcessOrder } from './projection-process.fixture.ts'
import { openProjections } from './projections.ts'
import { bestSellers, sold } from './sales.fixture.ts'

test('kill -9 while it follows and while it is rebuilt: each event counts once, and the swap finds no difference', async (t) => {
  await using database = await testDatabase({ server: 'log' })
  await using pool = Object.assign(new pg.Pool({ connectionString: database.url, max: 6 }), {
    async [Symbol.asyncDispose] (this: pg.Pool) {
      await this.end()
    },
  })
  pool.on('error', () => {})
  await using outbox = await openOutbox({ pool })
  await using leases = await openLeases({ pool })
  const registry = new MetricsRegistry()
  const projections = [bestSellers({ batch: 5 })]
  await using reader = await openProjections({ pool, projections, log: outbox, leases, registry })
  const sales = Array.from(
    { length: 600 },
    (_, nth) => ({ product: `product ${nth % 7}`, count: 1 + nth % 3 })
  )
  await sold.emitMany(pool, sales)

  const random = seededRandom(3)
  const children = new Set<ChildProcess>()
  const start = (): ChildProcess => {
    const child = fork(new URL('projection-process.fixture.ts', import.meta.url), {
      execArgv: ['--conditions=plimsoll-source'],
    })
    children.add(child)
    child.once('close', () => children.delete(child))
    child.send({ url: database.url } satisfies ProcessOrder)
    return child
  }
  const applied = async (build: number): Promise<number> =>
    (await reader.status('best-sellers')).builds.find((each) => each.build === build)?.events ?? 0
  /** Kills the process that works whenever a build has come a little further. */
  async function killOnTheWay (build: number, kills: number): Promise<void> {
    for (let kill = 1; kill <= kills; kill++) {
      const child = start()
      // It may come far before it is seen; then it is killed at the end.
      const next = Math.min(sales.length, await applied(build) + 40 + Math.floor(random() * 60))
      await waitUntil(`${next} of build ${build}`, async () => await applied(build) >= next)
      child.kill('SIGKILL')
      await once(child, 'close')
    }
  }
  try {
    await killOnTheWay(1, 1)
    const last = start()
    await waitUntil('all is applied', async () => await applied(1) === 600)
    last.kill('SIGKILL')
    const rebuilding = reader.rebuild('best-sellers')
    await waitUntil('it is begun', async () => (await reader.status('best-sellers')).builds.length === 2)
    await killOnTheWay(2, 2)
    start()
    const { difference, events } = await rebuilding
    t.diagnostic(`4 kills; ${events} events in the new build`)
    assert.deepEqual([difference, events], [0, 600])
    const { rows } = await pool.query<{ sold: number }>('SELECT sold::int FROM best_seller ORDER BY product')
    const truth = Array.from(
      { length: 7 },
      (_, product) => sales.filter((_, nth) => nth % 7 === product).reduce((sum, { count }) => sum + count, 0)
    )
    assert.deepEqual(rows.map((row) => row.sold), truth)
  } finally {
    await Promise.all([...children].map(async (child) => {
      child.kill('SIGKILL')
      await once(child, 'close')
    }))
  }
})
