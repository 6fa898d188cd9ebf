import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { notifyLine } from './notify-line.ts'
import type { WakeCall } from './wake-line.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 2 })
})

after(async () => {
  await pool.end()
  await database.close()
})

test('others hear a call, and who calls does not', async () => {
  await using both = lines()
  const [here, there] = both
  const heard: WakeCall[][] = [[], []]
  await here.listen((call) => heard[0]!.push(call))
  await there.listen((call) => heard[1]!.push(call))
  here.call({ tiers: ['within-5s'], cancelled: ['a'] })
  await waitUntil('the call is heard', () => heard[1]!.length > 0)
  const { tiers, cancelled, changed } = heard[1]![0]!
  assert.deepEqual([tiers, cancelled, changed], [['within-5s'], ['a'], []])
  assert.deepEqual(heard[0], [])
})

test('a flood of calls is few statements, and all that was called arrives', async () => {
  await using both = lines()
  const [here, there] = both
  const heard: WakeCall[] = []
  await there.listen((call) => heard.push(call))
  const ids = Array.from(
    { length: 500 },
    (_, index) => `018f0000-0000-7000-8000-${String(index).padStart(12, '0')}`
  )
  for (const id of ids) here.call({ tiers: ['within-5s'], changed: [id] })
  await waitUntil('all is heard', () => new Set(heard.flatMap(({ changed = [] }) => changed)).size === 500)
  assert.ok(heard.length <= 12, `${heard.length} calls`)
})

test('queues in other schemas do not hear it', async () => {
  await using here = notifyLine({ pool, schema: 'one' })
  await using there = notifyLine({ pool, schema: 'two' })
  await using alike = notifyLine({ pool, schema: 'one' })
  const heard: string[] = []
  await there.listen(() => heard.push('two'))
  await alike.listen(() => heard.push('one'))
  here.call({ tiers: ['within-5s'] })
  await waitUntil('the call is heard', () => heard.length > 0)
  assert.deepEqual(heard, ['one'])
})

test('a connection that breaks is replaced, and calls are heard again', async () => {
  await using both = lines()
  const [here, there] = both
  let heard = 0
  await there.listen(() => heard++)
  await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where query like 'LISTEN%' and datname = current_database() and pid <> pg_backend_pid()`)
  await waitUntil('calls are heard again', () => {
    here.call({ tiers: ['within-5s'] })
    return heard > 0
  })
})

test('without a database, a call fails nobody, and who listens waits for it', async () => {
  const gone = new pg.Pool({ connectionString: 'postgres://127.0.0.1:1/none', connectionTimeoutMillis: 500 })
  const line = notifyLine({ pool: gone })
  line.call({ tiers: ['within-5s'] })
  await line.listen(() => {})
  await line.close()
  await gone.end()
})

function lines (): AsyncDisposable & [ReturnType<typeof notifyLine>, ReturnType<typeof notifyLine>] {
  const both: [ReturnType<typeof notifyLine>, ReturnType<typeof notifyLine>] = [
    notifyLine({ pool, random: () => 0.1 }),
    notifyLine({ pool, random: () => 0.1 }),
  ]
  return Object.assign(both, {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(both.map((line) => line.close()))
    },
  })
}
