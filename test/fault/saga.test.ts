import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { checkout } from '../../examples/shop/checkout.ts'
import { type Mood, moods, type Move, paymentService } from '../../examples/shop/payment-service.ts'
import { governPool, transaction } from '../../src/data/index.ts'
import { testDatabase } from '../../src/engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../src/engines/wait-until.fixture.ts'
import { seededRandom } from '../../src/kernel/index.ts'
import { MetricsRegistry } from '../../src/telemetry/index.ts'
import { openJobs } from '../../src/work/jobs/index.ts'
import { openSagas } from '../../src/work/saga/index.ts'

const orders = Number(process.env['SAGA_FAULT_ORDERS'] ?? 30)
const kills = Number(process.env['SAGA_FAULT_KILLS'] ?? 3)
const seed = Number(process.env['SAGA_FAULT_SEED'] ?? 1 + Math.floor(Math.random() * 1e6))
const stock = 1_000
const cents = 700

const runner = fileURLToPath(new URL('saga-runner.fixture.ts', import.meta.url))

async function launch (databaseUrl: string, paymentsUrl: string, all: ChildProcess[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--conditions=plimsoll-source', runner], {
    env: { ...process.env, DATABASE_URL: databaseUrl, PAYMENTS_URL: paymentsUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  all.push(child)
  await once(child.stdout!, 'data')
  return child
}

async function kill (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

test('runners are killed at random: each saga ends, money moves at most once, and only for what is sent', {
  timeout: 280_000,
}, async (t) => {
  t.diagnostic(`SAGA_FAULT_SEED=${seed}`)
  const random = seededRandom(seed)
  const mood = (): Mood => moods[Math.floor(random() * 10)] ?? 'fine'
  const bank = paymentService({ mood, slowMs: 300 })
  const paymentsUrl = await bank.listen({ host: '127.0.0.1', port: 0 })
  await using database = await testDatabase({ server: 'log' })
  const own = new pg.Pool({ connectionString: database.url, max: 4 })
  own.on('error', () => {})
  const registry = new MetricsRegistry()
  const pool = governPool(own, { registry })
  const runners: ChildProcess[] = []
  try {
    for (const name of ['0001_catalogue', '0002_orders', '0004_checkout']) {
      await pool.query(
        await readFile(new URL(`../../examples/shop/migrations/${name}.sql`, import.meta.url), 'utf8')
      )
    }
    await pool.query(`insert into category (name) values ('all')`)
    await pool.query(
      `insert into product (sku, name, description, price_cents, currency, stock, category_id)
        values ('a', 'Rope', '', $1, 'EUR', $2, 1)`,
      [cents, stock]
    )
    await using sagas = await openSagas({ pool, sagas: [checkout], registry })
    await using _jobs = await openJobs({ pool, jobs: sagas.jobs, registry, lease: '1s' })
    const begin = (): Promise<ChildProcess> => launch(database.url, paymentsUrl, runners)
    const working = [await begin(), begin()]
    for (let killed = 0, started = 0; killed < kills; killed++) {
      for (; started < orders * (killed + 1) / kills; started++) await order(pool, started)
      await pause(20 + 400 * random())
      await kill(await working[killed % 2]!)
      // The other one goes on meanwhile.
      working[killed % 2] = begin()
    }
    await Promise.all(working)
    await waitUntil('all sagas have ended', async () => {
      const { rows: [left] } = await pool.query<{ count: number }>(
        'select count(*)::int as count from plimsoll_saga where ended_at is null'
      )
      return left?.count === 0
    }, 200_000)
    await checkLedger(
      pool,
      (await (await fetch(`${paymentsUrl}/ledger`)).json() as { moves: Move[] }).moves,
      t
    )
  } finally {
    await Promise.all(runners.map(kill))
    await pool.end()
    await bank.close()
  }
})

/** Some are more than there is, and some are more than the warehouse sends. */
async function order (pool: pg.Pool, nth: number): Promise<void> {
  await transaction(pool, async (tx) => {
    const { rows: [order] } = await tx.query<{ id: string }>(
      `insert into "order" (total_cents, currency) values ($1, 'EUR') returning id`,
      [cents]
    )
    const quantity = nth % 10 === 0 ? 2 * stock : nth % 10 === 1 ? 501 : 1
    await tx.query('insert into order_item values ($1, 1, $2, $3)', [order!.id, quantity, cents])
    await checkout.start(tx, { orderId: order!.id, cents })
  })
}

interface Row {
  readonly id: string
  readonly status: string
  readonly saga: string
  readonly quantity: number
  readonly shipments: number
  readonly notices: number
  readonly tries: number
}

async function checkLedger (
  pool: pg.Pool,
  moves: readonly Move[],
  t: { diagnostic(text: string): void }
): Promise<void> {
  const { rows } = await pool.query<Row>(`select "order".id, "order".status, saga.status as saga, quantity,
      (select count(*)::int from shipment where order_id = "order".id) as shipments,
      (select count(*)::int from notice where order_id = "order".id) as notices,
      (select count(*)::int from plimsoll_saga_event where saga = saga.id and kind = 'try failed') as tries
    from "order" join order_item on order_id = "order".id join plimsoll_saga as saga on saga.key = "order".id::text`)
  assert.equal(rows.length, orders)
  for (const { id, status, saga, shipments, notices } of rows) {
    const own = moves.filter(({ orderId }) => orderId === id).map(({ cents }) => cents)
    const isSent = saga === 'completed'
    assert.ok(isSent || saga === 'compensated', `${id} is ${saga}`)
    // Charged once and kept, charged once and given back, or never charged.
    assert.ok(
      isSent ? own.join() === `${cents}` : own.length === 0 || own.join() === `${cents},${-cents}`,
      `${id}: ${own.join()}`
    )
    assert.deepEqual([status, shipments, notices], isSent ? ['shipped', 1, 1] : ['cancelled', 0, 0], id)
  }
  const sent = rows.filter(({ saga }) => saga === 'completed')
  const sold = sent.reduce((sum, { quantity }) => sum + quantity, 0)
  const { rows: [product] } = await pool.query<{ stock: number }>('select stock from product')
  assert.equal(product?.stock, stock - sold)
  const tries = rows.reduce((sum, { tries }) => sum + tries, 0)
  t.diagnostic(
    `${sent.length} completed, ${
      rows.length - sent.length
    } compensated, ${tries} tries failed, ${kills} kills`
  )
  assert.ok(sent.length > 0 && sent.length < orders)
}
