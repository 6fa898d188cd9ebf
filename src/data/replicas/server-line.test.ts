import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { type SilentServer, silentServer } from '../../engines/silent-server.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { type Clock, currentContext, systemClock } from '../../kernel/index.ts'
import { workWith } from '../pool/pool.fixture.ts'
import { ownLine } from './server-line.ts'

let database: TestDatabase
let silence: SilentServer

before(async () => {
  database = await testDatabase()
  silence = await silentServer()
})
after(async () => {
  await database?.close()
  await silence?.[Symbol.asyncDispose]()
})

const options = { clock: systemClock, random: () => 0.9999, patienceMs: 300 }

test('a line does not wait behind a pool that is busy, and comes back when its connection is cut', async () => {
  const pool = new pg.Pool({ connectionString: database.url, max: 1 })
  pool.on('error', () => {})
  const busy = await pool.connect()
  const line = ownLine(pool, { ...options, patienceMs: 5_000 })
  const ask = (): Promise<{ readonly pid: number }> => line.ask('SELECT pg_backend_pid() AS pid')
  const { pid } = await ask()
  assert.equal((await ask()).pid, pid)
  await busy.query('SELECT pg_terminate_backend($1, 5000)', [pid])
  await waitUntil('another connection answers', async () => (await ask().catch(() => ({ pid }))).pid !== pid)
  await line.close()
  await assert.rejects(ask(), /closed/)
  busy.release()
  await pool.end()
})

test('a server that is silent, or does not finish an answer, is given up', async () => {
  const silent = ownLine(
    new pg.Pool({ connectionString: `postgres://u:p@127.0.0.1:${silence.port}/d` }),
    options
  )
  await assert.rejects(silent.ask('SELECT 1'), /did not answer within 300 ms/)
  const slow = ownLine(new pg.Pool({ connectionString: database.url }), options)
  await assert.rejects(slow.ask('SELECT pg_sleep(3)'), /did not answer within 300 ms/)
  await waitUntil('it is asked again', () => slow.ask('SELECT 1').then(() => true, () => false))
  await Promise.all([silent.close(), slow.close()])
})

test('a server that is down is not asked again at once, and then less and less often', async () => {
  let nowMs = 0
  const clock: Clock = { ...systemClock, now: () => nowMs }
  const pool = new pg.Pool({ connectionString: 'postgres://u:p@127.0.0.1:1/d' })
  const line = ownLine(pool, { ...options, clock })
  const triedMs: number[] = []
  for (; nowMs < 30_000; nowMs += 20) {
    const error = await line.ask('SELECT 1').then(() => undefined, (error: NodeJS.ErrnoException) => error)
    if (error?.code === 'ECONNREFUSED') triedMs.push(nowMs)
    else assert.match(error?.message ?? '', /a moment ago/)
  }
  const waitsMs = triedMs.slice(1).map((atMs, each) => atMs - triedMs[each]!)
  assert.deepEqual(waitsMs, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000])
  await line.close()
})

test('the connection belongs to no unit of work, whoever is the first to ask', async () => {
  const seen: unknown[] = []
  class Watched extends pg.Client {
    constructor (config?: object) {
      super(config)
      seen.push(currentContext())
    }
  }
  const line = ownLine(new pg.Pool({ connectionString: database.url, Client: Watched }), options)
  await workWith().run(() => line.ask('SELECT 1'))
  assert.deepEqual(seen, [undefined])
  await line.close()
})
