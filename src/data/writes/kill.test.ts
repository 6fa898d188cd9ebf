import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { applyEffects } from './effects.fixture.ts'
import { type Durability, writeBehind } from './write-behind.ts'
import type { Accepted, WriterOrder } from './writer.fixture.ts'

const maxDelay = 100
let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 3 })
  pool.on('error', () => {})
  await pool.query('CREATE TABLE effect (key text, id text)')
})
after(async () => {
  await pool.end()
  await database.close()
})

async function effects (): Promise<readonly string[]> {
  return (await pool.query<{ id: string }>('SELECT id FROM effect')).rows.map(({ id }) => id)
}

interface Killed {
  readonly accepted: readonly Accepted[]
  readonly atMs: number
}

/** Runs writers at a time, and kills them in the middle of their work. */
async function killWriters (durability: Durability, count: number): Promise<Killed> {
  await pool.query('TRUNCATE effect')
  const accepted: Accepted[] = []
  const writers = Array.from({ length: count }, (_, writer) => {
    const child = fork(new URL('writer.fixture.ts', import.meta.url), {
      execArgv: ['--conditions=plimsoll-source'],
    })
    child.on('message', (message) => accepted.push(message as Accepted))
    const order: WriterOrder = { url: database.url, durability, maxDelay, writer }
    child.send(order)
    return child
  })
  await waitUntil(
    'there is something to lose',
    async () => accepted.length > 500 && (await effects()).length > 100
  )
  const atMs = Number(process.hrtime.bigint()) / 1e6
  for (const writer of writers) writer.kill('SIGKILL')
  await Promise.all(writers.map((writer) => once(writer, 'close')))
  return { accepted, atMs }
}

test('kill -9 with a log: all that was accepted is applied, each once, by whoever comes next', async (t) => {
  const { accepted } = await killWriters('log', 2)
  const left = new Set(await effects())
  const writes = writeBehind({
    name: 'ledger',
    pool,
    durability: 'log',
    apply: applyEffects,
    merge: (older: readonly string[], newer: readonly string[]) => [...older, ...newer],
  })
  await writes.flush()
  await writes.close()
  const applied = await effects()
  const lost = accepted.filter(([id]) => !applied.includes(id))
  t.diagnostic(
    `${accepted.length} accepted, ${applied.length - left.size} of them applied only after the kill`
  )
  assert.deepEqual(lost, [])
  assert.equal(new Set(applied).size, applied.length, 'none is applied twice')
  assert.ok(applied.length > left.size, 'something was left to others')
})

test('kill -9 with memory only: what is lost was accepted within the last delay and batch; none is applied twice', async (t) => {
  const { accepted, atMs } = await killWriters('memory', 2)
  const applied = new Set(await effects())
  const lost = accepted.filter(([id]) => !applied.has(id))
  const oldestMs = Math.max(...lost.map(([, acceptedMs]) => atMs - acceptedMs))
  t.diagnostic(
    `${lost.length} of ${accepted.length} lost, the oldest accepted ${oldestMs.toFixed(0)} ms before the kill`
  )
  assert.ok(lost.length > 0, 'the test would see a loss')
  // The batch's own time on a machine that tests share.
  assert.ok(oldestMs < maxDelay + 1_000, `${oldestMs} ms`)
  assert.equal((await effects()).length, applied.size)
})
