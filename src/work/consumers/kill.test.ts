import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import pg from 'pg'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { seededRandom } from '../../kernel/index.ts'
import { openOutbox } from '../outbox/index.ts'
import type { ProcessOrder } from './consumer-process.fixture.ts'
import { orderPlaced } from './orders.fixture.ts'

const orders = 20
const perOrder = 12

interface Rig extends AsyncDisposable {
  readonly pool: pg.Pool
  start(): ChildProcess
  effects(): Promise<readonly string[]>
}

async function rig (order: Omit<ProcessOrder, 'url'>): Promise<Rig> {
  const database = await testDatabase({ server: 'log' })
  const pool = new pg.Pool({ connectionString: database.url, max: 4 })
  pool.on('error', () => {})
  await pool.query('CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, order_id text, nth int)')
  const outbox = await openOutbox({ pool })
  for (let nth = 0; nth < perOrder; nth++) {
    await orderPlaced.emitMany(
      pool,
      Array.from({ length: orders }, (_, at) => ({ orderId: `order ${at}`, nth }))
    )
  }
  await outbox.close()
  const children = new Set<ChildProcess>()
  return {
    pool,
    start () {
      const child = fork(new URL('consumer-process.fixture.ts', import.meta.url), {
        execArgv: ['--conditions=plimsoll-source'],
      })
      children.add(child)
      child.once('close', () => children.delete(child))
      child.send({ url: database.url, ...order } satisfies ProcessOrder)
      return child
    },
    async effects () {
      const { rows } = await pool.query<{ effect: string }>(
        `SELECT order_id || ':' || nth AS effect FROM effect ORDER BY id`
      )
      return rows.map(({ effect }) => effect)
    },
    async [Symbol.asyncDispose] () {
      await Promise.all([...children].map(async (child) => {
        child.kill('SIGKILL')
        await once(child, 'close')
      }))
      await pool.end()
      await database.close()
    },
  }
}

/** Two processes consume; one after the other is killed in the middle, and another one started. */
async function killInTurns (t: TestContext, batch: boolean): Promise<void> {
  await using ledger = await rig({ batch })
  const random = seededRandom(7)
  const running = [ledger.start(), ledger.start()]
  let kills = 0
  for (let next = 25; next < orders * perOrder - 40; next += 30 + Math.floor(random() * 40)) {
    await waitUntil(`${next} effects`, async () => (await ledger.effects()).length >= next)
    const victim = running.shift()!
    victim.kill('SIGKILL')
    await once(victim, 'close')
    running.push(ledger.start())
    kills++
  }
  await waitUntil('all are handled', async () => (await ledger.effects()).length >= orders * perOrder)
  const effects = await ledger.effects()
  const expected = Array.from({ length: perOrder }, (_, nth) => nth)
  for (let at = 0; at < orders; at++) {
    const own = effects.filter((effect) => effect.startsWith(`order ${at}:`)).map((effect) =>
      Number(effect.split(':')[1])
    )
    assert.deepEqual(own, expected, `order ${at}: none lost, none twice, in order`)
  }
  t.diagnostic(`${effects.length} effects through ${kills} kills`)
  assert.ok(kills >= 3)
}

test('kill -9 in the middle of handling: no effect is lost or doubled, and each key keeps its order', async (t) => {
  await killInTurns(t, false)
})

test('kill -9 in the middle of a batch: no effect is lost or doubled, and each key keeps its order', async (t) => {
  await killInTurns(t, true)
})

test('an event that kills its process is found and set aside, and nothing else is', async (t) => {
  await using ledger = await rig({ batch: false, poison: 'order 7' })
  let starts = 0
  const ended = new AbortController()
  async function keepRunning (): Promise<void> {
    while (!ended.signal.aborted) {
      starts++
      await once(ledger.start(), 'close')
    }
  }
  void keepRunning()
  const dead = async (): Promise<readonly { key: string }[]> =>
    (await ledger.pool.query<{ key: string }>('SELECT key FROM plimsoll_held_key WHERE dead')).rows
  try {
    await waitUntil('it is set aside', async () => (await dead().catch(() => [])).length > 0)
    await waitUntil(
      'all others are handled',
      async () => (await ledger.effects()).length === (orders - 1) * perOrder
    )
  } finally {
    ended.abort()
  }
  t.diagnostic(`${starts} processes were started`)
  assert.deepEqual(await dead(), [{ key: '5:orderorder 7' }])
  const { rows } = await ledger.pool.query('SELECT count(*)::int AS held FROM plimsoll_held_message')
  assert.deepEqual(rows, [{ held: perOrder }], 'the rest of its key waits')
})
