import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import type { Transaction } from '../../data/index.ts'
import { testPool, workWith } from '../../data/pool/pool.fixture.ts'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { Deadline } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { Idempotency } from './idempotency.ts'
import type { IdempotentUnit } from './idempotent-unit.ts'
import type { IdempotencyOptions } from './options.ts'
import { postgresIdempotencyStore } from './postgres-store.ts'
import { created, order, refusal, replayed, running } from './route.fixture.ts'
import type { IdempotentRequest, IdempotentRoute } from './route.ts'

let database: TestDatabase
let pool: pg.Pool
let keys = 0

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 10 })
  pool.on('error', () => {})
  await pool.query('CREATE TABLE effect (key text NOT NULL)')
  await postgresIdempotencyStore({ pool }).prepare()
})
after(async () => {
  await pool?.end()
  await database?.close()
})

/** A worker of its own, on a pool that may be made to fail. */
function worker (
  options: Partial<IdempotencyOptions<Transaction>> = {},
  from: pg.Pool = pool
): IdempotentRoute<Transaction> {
  const store = postgresIdempotencyStore({ pool: from })
  const idempotency = new Idempotency<Transaction>({ store, registry: new MetricsRegistry(), ...options })
  return idempotency.route({ mode: 'required', method: 'POST', pattern: '/orders' })
}

function nextOrder (): IdempotentRequest & { readonly header: string } {
  return { ...order, header: `"unit-${keys++}"` }
}

const insert = (key: string) => async (tx: Transaction): Promise<void> => {
  await tx.query('INSERT INTO effect VALUES ($1)', [key])
}

async function effects (key: string): Promise<number> {
  return (await pool.query('SELECT FROM effect WHERE key = $1', [key])).rowCount ?? 0
}

/** As if its holder had been away for a lease. */
async function lapse (unit: IdempotentUnit<Transaction>): Promise<void> {
  await pool.query('UPDATE plimsoll_idempotency SET lease_until = now() WHERE token = $1', [unit.token])
}

test('effect and answer are committed together, and the first answer is the one that was kept', async () => {
  const request = nextOrder()
  const unit = await running(worker().begin(request))
  const ran = await unit.run(insert(request.header), () => created)
  assert.equal(ran.kept, true)
  assert.equal(await effects(request.header), 1)
  assert.deepEqual(await replayed(worker().begin(request)), ran.answer)
  assert.deepEqual(await unit.finish({ ...created, body: 'something else' }), ran.answer)
})

test('a handler that throws has no effect, and its key is free at once', async () => {
  const request = nextOrder()
  const unit = await running(worker().begin(request))
  const failure = new Error('out of stock')
  await assert.rejects(
    unit.run(async (tx) => {
      await insert(request.header)(tx)
      throw failure
    }, () => created),
    failure
  )
  assert.equal(await effects(request.header), 0)
  await running(worker().begin({ ...request, body: 'corrected' }))
})

test('an answer that is not kept takes no effect, goes out as it was given, and frees the key', async () => {
  const request = nextOrder()
  const unit = await running(worker().begin(request))
  const busy = { status: 503, headers: { 'retry-after': 1 }, body: 'busy' }
  assert.deepEqual(await unit.run(insert(request.header), () => busy), { kept: false, answer: busy })
  assert.equal(await unit.finish(busy), undefined)
  assert.equal(await effects(request.header), 0)
  await running(worker().begin(request))
})

test('an answer too large to keep takes no effect, and says what to do', async () => {
  const request = nextOrder()
  const unit = await running(worker({ maxBodyBytes: 4 }).begin(request))
  await assert.rejects(unit.run(insert(request.header), () => created), {
    code: 'IDEMPOTENCY_ANSWER_TOO_LARGE',
    bytes: 8,
    limit: 4,
  })
  assert.equal(await effects(request.header), 0)
})

test('a holder that was taken over while it worked commits nothing, and answers what the other answered', async () => {
  const request = nextOrder()
  const slow = await running(worker().begin(request))
  const ran = await slow.run(async (tx) => {
    await insert(request.header)(tx)
    await lapse(slow)
    const other = await running(worker().begin(request))
    await other.run(insert(request.header), () => ({ ...created, body: '{"id":2}' }))
  }, () => created)
  assert.equal(ran.answer.body?.toString(), '{"id":2}')
  assert.equal(await effects(request.header), 1)
})

test('a holder that was taken over by one that is still at work tells its client to come back', async () => {
  const request = nextOrder()
  const slow = await running(worker().begin({ ...request }))
  const left = AbortSignal.abort()
  await lapse(slow)
  const other = await running(worker().begin(request))
  const impatient = await worker().begin({ ...request, signal: left })
  assert.equal((await refusal(impatient))[0], 'IDEMPOTENCY_IN_FLIGHT')
  const ran = slow.run(insert(request.header), () => created)
  await other.run(insert(request.header), () => created)
  assert.equal((await ran).kept, true)
  assert.equal(await effects(request.header), 1)
})

for (const fault of ['before it is sent', 'once it is sent', 'after it was done'] as const) {
  test(`a connection that is cut at the commit, ${fault}: one effect, one answer, nothing stuck`, async () => {
    for (let round = 0; round < 5; round++) {
      const request = nextOrder()
      const failing = cutAtCommit(fault)
      try {
        const unit = await running(worker({}, failing).begin(request))
        let first: unknown
        try {
          first = (await unit.run(insert(request.header), () => created)).answer
        } catch {
          first = undefined
        }
        if (fault === 'after it was done') assert.notEqual(first, undefined)
        if (fault === 'before it is sent') assert.equal(first, undefined)
        const again = await worker({}, pool).begin(request)
        if (again.kind === 'run') {
          assert.equal(first, undefined)
          await again.unit.run(insert(request.header), () => created)
        } else if (first !== undefined) assert.deepEqual(await replayed(again), first)
        else assert.equal(again.kind, 'replay')
        assert.equal(await effects(request.header), 1)
      } finally {
        await failing.end()
      }
    }
  })
}

test('PostgreSQL goes in the middle of a request and comes back: one effect, and the key is not stuck', async () => {
  const request = nextOrder()
  const own = new pg.Pool({ connectionString: database.url, max: 3, application_name: 'goes away' })
  own.on('error', () => {})
  try {
    const unit = await running(worker({}, own).begin(request))
    await assert.rejects(unit.run(async (tx) => {
      await insert(request.header)(tx)
      await pool.query(
        `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'goes away'`
      )
    }, () => created))
    assert.equal(await effects(request.header), 0)
    const again = await running(worker({}, own).begin(request))
    await again.run(insert(request.header), () => created)
    assert.equal(await effects(request.header), 1)
  } finally {
    await own.end()
  }
})

test('a transaction that its deadline ends, or whose client leaves, has no effect and frees its key', async () => {
  for (const end of ['deadline', 'client'] as const) {
    await using deadlines = testPool({ connectionString: database.url, max: 3 })
    const request = nextOrder()
    const unit = await running(worker({}, deadlines.pool).begin(request))
    const { run, leave, settle } = workWith(end === 'deadline' ? Deadline.in(200) : Deadline.none)
    const ran = run(() =>
      unit.run(async (tx) => {
        await insert(request.header)(tx)
        if (end === 'client') leave()
        await tx.query('SELECT pg_sleep(60)')
      }, () => created)
    )
    await assert.rejects(ran, { code: end === 'deadline' ? 'DEADLINE_EXCEEDED' : 'CALLER_GONE' })
    settle()
    assert.equal(await effects(request.header), 0)
    await running(worker({}, pool).begin({ ...request, body: 'corrected' }))
  }
})

test('a request whose deadline passes before the store answers is not told that the store is away', async () => {
  await using deadlines = testPool({ connectionString: database.url, max: 1 })
  const busy = await deadlines.pool.connect()
  const { run, settle } = workWith(Deadline.in(50))
  const begun = run(async () => await worker({}, deadlines.pool).begin(nextOrder()))
  await assert.rejects(begun, { code: 'DEADLINE_EXCEEDED' })
  settle()
  busy.release()
})

test('the record can be written into a transaction of the caller’s own', async () => {
  const request = nextOrder()
  const unit = await running(worker().begin(request))
  const client = await pool.connect()
  await client.query('BEGIN')
  await insert(request.header)(client)
  const kept = await unit.commitIn(client, created)
  await client.query('COMMIT')
  client.release()
  unit.committed(kept)
  assert.deepEqual(await replayed(worker().begin(request)), kept)
})

test('a long transaction keeps its lease: it is renewed from another connection meanwhile', async () => {
  const request = nextOrder()
  const unit = await running(worker({ lease: 1_000 }).begin(request))
  const ran = await unit.run(async (tx) => {
    await insert(request.header)(tx)
    const { rows: [first] } = await pool.query(
      'SELECT lease_until FROM plimsoll_idempotency WHERE token = $1',
      [
        unit.token,
      ]
    )
    await waitUntil('the lease was renewed for longer than it lasts', async () => {
      const { rows } = await pool.query(
        `SELECT FROM plimsoll_idempotency WHERE token = $1 AND lease_until > $2::timestamptz + interval '1500 ms'`,
        [unit.token, first.lease_until]
      )
      return rows.length === 1
    })
  }, () => created)
  assert.equal(ran.kept, true)
  assert.equal(await effects(request.header), 1)
})

/** A pool whose transactions lose their connection at the commit. */
function cutAtCommit (fault: 'before it is sent' | 'once it is sent' | 'after it was done'): pg.Pool {
  const failing = new pg.Pool({ connectionString: database.url, max: 3 })
  failing.on('error', () => {})
  failing.on('connect', (client) => {
    client.on('error', () => {})
    const query = client.query.bind(client) as (...args: readonly unknown[]) => Promise<unknown>
    const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
    Object.assign(client, {
      async query (...args: readonly unknown[]) {
        if (args[0] !== 'commit') return await query(...args)
        if (fault === 'before it is sent') connection.stream.destroy()
        const reply = query(...args)
        if (fault === 'once it is sent') connection.stream.destroy()
        await reply
        connection.stream.destroy()
        throw new Error('Connection terminated unexpectedly')
      },
    })
  })
  return failing
}
