import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricsRegistry, renderMetrics } from '../../telemetry/index.ts'
import { numbersOf, testOutbox } from './outbox.fixture.ts'

test('the transaction that events wait for is named: its process, its statement, its age', async () => {
  await using under = await testOutbox({ stallAfter: '1ms' })
  const { outbox } = under
  await outbox.check()
  const slow = await under.begin()
  await slow.client.query(`set application_name = 'nightly'`)
  const { rows: [{ pid }] } = await slow.client.query('select pg_backend_pid() as pid, pg_current_xact_id()')
  await under.quiet()
  assert.equal((await outbox.stall())?.held, 0)
  await outbox.check()
  await under.emit('a', 1, 2)
  await under.pool.query('select pg_sleep(0.02)')
  const stall = await outbox.stall()
  assert.deepEqual({ ...stall, ageMs: 0 }, {
    pid,
    query: 'select pg_backend_pid() as pid, pg_current_xact_id()',
    state: 'idle in transaction',
    application: 'nightly',
    user: stall!.user,
    ageMs: 0,
    held: 2,
  })
  assert.ok(stall!.ageMs >= 20 && stall!.ageMs < 60_000, String(stall!.ageMs))
  await assert.rejects(outbox.check(), {
    code: 'OUTBOX_STALLED',
    message: new RegExp(`2 events wait for the server process ${pid} `),
  })
  await slow.end('commit')
  await under.quiet()
  await outbox.check()
  assert.deepEqual(numbersOf(await under.all()), [1, 2])
})

test('stall and lag are told apart: of events that a transaction holds, and of events that a reader has not read', async () => {
  const registry = new MetricsRegistry()
  await using under = await testOutbox({ registry })
  const { outbox, pool } = under
  async function metric (name: string): Promise<number> {
    let text = ''
    for await (const part of renderMetrics(registry.snapshot(), 'prometheus')) text += part
    return Number(text.split('\n').find((line) => line.startsWith(name))?.split(' ').at(-1))
  }
  await outbox.checkpoints.open('reader', 'start')
  await under.emit('a', 1)
  await pool.query('select pg_sleep(0.02)')
  await under.quiet()
  await outbox.upkeep()
  assert.equal(await metric('plimsoll_outbox_stall_seconds'), 0)
  assert.ok(await metric('plimsoll_outbox_lag_seconds{reader="reader"}') >= 0.02)

  const slow = await under.begin()
  await slow.client.query('select pg_current_xact_id()')
  await under.quiet()
  await outbox.checkpoints.save(pool, 'reader', await outbox.head(), 0n)
  await under.emit('a', 2)
  await pool.query('select pg_sleep(0.02)')
  await outbox.upkeep()
  assert.ok(await metric('plimsoll_outbox_stall_seconds') >= 0.02)
  assert.equal(await metric('plimsoll_outbox_held_events'), 1)
  await slow.end('rollback')
  await under.quiet()
  await outbox.upkeep()
  assert.equal(await metric('plimsoll_outbox_stall_seconds'), 0)
  assert.equal(await metric('plimsoll_outbox_written_total'), 2)
})
