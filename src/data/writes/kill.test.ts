import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { applyEffects } from './effects.fixture.ts'
import { type Durability, writeBehind } from './write-behind.ts'
import type { Accepted, Begun, WriterOrder } from './writer.fixture.ts'

const maxDelay = 100
const keys = 30
const batch = 10
/** The last ones that a writer began: they have taken all that waited before, and the last may not have ended. */
const lastBatches = keys / batch + 2
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
  /** When each writer began its batches, in their order. */
  readonly begunMs: readonly (readonly number[])[]
  readonly atMs: number
}

/** Runs writers at a time, and kills them in the middle of their work. @param batches that each has begun by then */
async function killWriters (durability: Durability, count: number, batches = 0): Promise<Killed> {
  await pool.query('TRUNCATE effect')
  const accepted: Accepted[] = []
  const begunMs: number[][] = Array.from({ length: count }, () => [])
  const writers = Array.from({ length: count }, (_, writer) => {
    const child = fork(new URL('writer.fixture.ts', import.meta.url), {
      execArgv: ['--conditions=plimsoll-source'],
    })
    child.on('message', (message: Accepted | Begun) => {
      if ('begunMs' in message) begunMs[message.writer]?.push(message.begunMs)
      else accepted.push(message)
    })
    const order: WriterOrder = { url: database.url, durability, maxDelay, writer, keys, batch }
    child.send(order)
    return child
  })
  await waitUntil(
    'there is something to lose',
    async () =>
      accepted.length > 500 && begunMs.every(({ length }) => length >= batches) &&
      (await effects()).length > 100
  )
  const atMs = Number(process.hrtime.bigint()) / 1e6
  for (const writer of writers) writer.kill('SIGKILL')
  await Promise.all(writers.map((writer) => once(writer, 'close')))
  return { accepted, begunMs, atMs }
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

test('kill -9 with memory only: what is lost is what the last batches had not come to; none is applied twice', async (t) => {
  const { accepted, begunMs, atMs } = await killWriters('memory', 2, lastBatches)
  const applied = new Set(await effects())
  const lost = accepted.filter(([id]) => !applied.has(id))
  const oldestMs = Math.max(...lost.map(([, acceptedMs]) => atMs - acceptedMs))
  t.diagnostic(
    `${lost.length} of ${accepted.length} lost, the oldest accepted ${oldestMs.toFixed(0)} ms before the kill`
  )
  assert.ok(lost.length > 0, 'the test would see a loss')
  // What waited when a batch was taken is applied by those that take the rest. The last one may not have ended, and each is
  // taken a little before it says that it has begun. How long one takes is the machine's affair.
  for (const [writer, times] of begunMs.entries()) {
    const sinceMs = times.at(-lastBatches)!
    const older = lost.filter(([id, acceptedMs]) => id.startsWith(`${writer}-`) && acceptedMs < sinceMs)
    assert.deepEqual(older, [])
  }
  assert.equal((await effects()).length, applied.size)
})
