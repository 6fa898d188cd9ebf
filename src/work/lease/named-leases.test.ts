import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { transaction } from '../../data/index.ts'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { holdLease, type Leases, openLeases } from './named-leases.ts'

let database: TestDatabase
let pool: pg.Pool
let [one, other]: Leases[] = []
let names = 0
/** Of the other one: longer than any pause that a busy machine makes of itself. */
const leaseMs = 800

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 6 })
  pool.on('error', () => {})
  ;[one, other] = await Promise.all([openLeases({ pool }), openLeases({ pool, leaseMs })])
})

after(async () => {
  await one?.close()
  await other?.close()
  await pool.end()
  await database.close()
})

function someName (): string {
  return `relay.${++names}`
}

/** As if its process had stopped: it is not renewed any more. */
async function lapse (name: string): Promise<void> {
  await pool.query(`update plimsoll_lease set lease_until = now() - interval '1 s' where name = $1`, [name])
}

test('of many that take a lease at once exactly one has it', async () => {
  const name = someName()
  const all = await Promise.all(Array.from({ length: 6 }, () => openLeases({ pool })))
  const taken = await Promise.all(all.flatMap((leases) => [leases.take(name), leases.take(name)]))
  assert.equal(taken.filter((lease) => lease !== undefined).length, 1)
  await Promise.all(all.map((leases) => leases.close()))
})

test('a lease that is released is free at once, and the next token is higher', async () => {
  const name = someName()
  const first = await one!.take(name)
  assert.equal(await other!.take(name), undefined)
  assert.equal(await one!.take(name), undefined)
  await first!.release()
  await first!.release()
  const second = await other!.take(name)
  assert.ok(second!.token > first!.token)
  await second!.release()
})

test('a lapsed lease goes to the next; the old holder is told, and its transactions roll back', async () => {
  const name = someName()
  const old = await one!.take(name)
  await lapse(name)
  const next = await other!.take(name)
  assert.ok(next!.token > old!.token)
  await assert.rejects(transaction(pool, (tx) => old!.fence(tx)), { code: 'LEASE_LOST', lease: name })
  await transaction(pool, (tx) => next!.fence(tx))
  await old!.release()
  assert.equal((await one!.holder(name))?.token, next!.token)
  await next!.release()
})

test('a lease is renewed for longer than it holds, and the signal stays quiet', async () => {
  const name = someName()
  const lease = await other!.take(name)
  const startedMs = performance.now()
  await waitUntil('two leases have passed', async () => {
    assert.equal(await one!.take(name), undefined)
    return performance.now() - startedMs > 2 * leaseMs
  })
  assert.equal(lease!.signal.aborted, false)
  await lease!.release()
})

test('the signal aborts when somebody else has taken the lease', async () => {
  const name = someName()
  const lease = await other!.take(name)
  await pool.query('delete from plimsoll_lease where name = $1', [name])
  await waitUntil('it is told', () => lease!.signal.aborted)
  assert.equal(lease!.signal.reason.code, 'LEASE_LOST')
  const again = await other!.take(name)
  assert.ok(again!.token > lease!.token)
  await again!.release()
})

test('a fenced lease cannot be taken over before its transaction ends, even when it lapses', async () => {
  const name = someName()
  const lease = await one!.take(name)
  await transaction(pool, async (tx) => {
    await lease!.fence(tx)
    await lapse(name)
    assert.equal(await other!.take(name), undefined)
  })
  const next = await other!.take(name)
  assert.notEqual(next, undefined)
  await next!.release()
})

test('a transaction that rests for longer than the lease that it fenced is ended by the server', async () => {
  const name = someName()
  const lease = await other!.take(name)
  const client = await pool.connect()
  const ended = new Promise<Error>((resolve) => client.once('error', resolve))
  await client.query('begin')
  await lease!.fence(client)
  assert.equal((await ended as Error & { code?: string }).code, '25P03')
  client.release(true)
  await lease!.release()
})

test('who waits for a lease gets it when it is free, and waits no longer than its signal', async () => {
  const name = someName()
  const lease = await one!.take(name)
  const waiting = other!.hold(name)
  const giveUp = new AbortController()
  const impatient = openLeases({ pool }).then((leases) => leases.hold(name, giveUp.signal))
  giveUp.abort(new Error('enough'))
  await assert.rejects(impatient, /enough/)
  await lease!.release()
  const next = await waiting
  assert.ok(next.token > lease!.token)
  await next.release()
})

test('a lease that was taken by a statement whose answer never came is taken again by the same process', async () => {
  const name = someName()
  let isLosing = true
  const losing = new Proxy(pool, {
    get (target, property, receiver) {
      if (property !== 'query') return Reflect.get(target, property, receiver)
      return async (...args: [string, unknown[]]) => {
        const result = await pool.query(...args)
        if (isLosing && args[0].includes('made AS')) throw new Error('the answer is lost')
        return result
      }
    },
  })
  const leases = await openLeases({ pool: losing })
  await assert.rejects(leases.take(name), /lost/)
  isLosing = false
  assert.equal(await other!.take(name), undefined)
  const lease = await leases.take(name)
  await transaction(pool, (tx) => lease!.fence(tx))
  await leases.close()
})

test('closing releases what is held', async () => {
  const name = someName()
  const leases = await openLeases({ pool, schema: 'public' })
  const lease = await leases.take(name)
  await leases.close()
  assert.equal(lease!.signal.aborted, false)
  assert.equal(await one!.holder(name), undefined)
})

test('one lease can be held without opening leases first', async () => {
  await using lease = await holdLease(pool, someName(), { leaseMs, owner: 'scheduler' })
  assert.match((await one!.holder(lease.name))?.owner ?? '', /^scheduler /)
})

test('a lease that is too short is refused', async () => {
  await assert.rejects(openLeases({ pool, leaseMs: 50 }), { code: 'SETTING_INVALID' })
})
