import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { MetricsRegistry } from '../../../telemetry/index.ts'
import { EdgeKeys } from '../policy/index.ts'
import { type CdnMock, startCdnMock } from './cdn-mock.fixture.ts'
import { EdgePurges } from './edge-purges.ts'
import { fastlyPurger } from './fastly.ts'
import { postgresPurgeQueue } from './postgres-queue.ts'

const program = fileURLToPath(new URL('purging-process.fixture.ts', import.meta.url))

function poolOf ({ url }: TestDatabase): pg.Pool & AsyncDisposable {
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  pool.on('error', () => {})
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() })
}

const purged = (mock: CdnMock): Set<string> => new Set(mock.accepted.flatMap(({ keys }) => keys))

test('kill -9 between commit and purge, again and again: every change that committed is purged', async (t) => {
  await using database = await testDatabase()
  await using mock = await startCdnMock({ kind: 'fastly', token: 'token' })
  await using pool = poolOf(database)
  const queue = postgresPurgeQueue({ pool })
  await queue.prepare()
  await pool.query('CREATE TABLE changes (tag text PRIMARY KEY)')

  let killed = 0
  let failing = 0
  async function life (worker: number): Promise<void> {
    const child: ChildProcess = fork(program, [database.url, mock.url, `w${worker}`], {
      execArgv: ['--conditions=plimsoll-source'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const exited = once(child, 'exit')
    const enough = 20 + worker * 7
    child.on('message', (i) => {
      if (i === enough) child.kill('SIGKILL')
      // The edge fails now and then, and says so or not.
      if (Number(i) % 20 === 3) {
        mock.failures.push({ status: [0, 429, 503][failing++ % 3] ?? 503, headers: { 'retry-after': '0' } })
      }
    })
    const [, signal] = await exited
    assert.equal(signal, 'SIGKILL')
    killed++
  }
  for (let round = 0; round < 3; round++) await Promise.all([life(round * 2), life(round * 2 + 1)])
  const before = purged(mock)
  const { rows } = await pool.query<{ tag: string }>('SELECT tag FROM changes')
  assert.ok(rows.length >= 6 * 20)

  mock.failures.length = 0
  const purges = new EdgePurges({
    purgers: [fastlyPurger({ serviceId: 'SERVICE', token: 'token', apiUrl: mock.url })],
    queue,
    keys: new EdgeKeys(),
    registry: new MetricsRegistry(),
    repeat: false,
    lease: '1s',
    poll: '20ms',
  })
  purges.start()
  await waitUntil('the queue is empty', async () => (await queue.depths()).length === 0)
  await purges.close()
  const known = purged(mock)
  const late = rows.filter(({ tag }) => !before.has(tag)).length
  t.diagnostic(
    `${killed} processes killed, ${rows.length} changes, ${late} of them purged after the last kill`
  )
  assert.deepEqual(rows.filter(({ tag }) => !known.has(tag)), [], 'committed and never purged')
})

test('a purge whose process died in the call, or after it, is done once more: no harm in that, and nothing is left', async () => {
  await using database = await testDatabase()
  await using mock = await startCdnMock({ kind: 'fastly', token: 'token' })
  await using pool = poolOf(database)
  const queue = postgresPurgeQueue({ pool })
  await queue.prepare()
  await queue.enqueue(undefined, [{ purger: 'fastly', tag: 'a', mode: 'soft' }])
  assert.equal((await queue.claim('fastly', 1, 300)).length, 1) // ... and its process is gone
  const purges = new EdgePurges({
    purgers: [fastlyPurger({ serviceId: 'SERVICE', token: 'token', apiUrl: mock.url })],
    queue,
    keys: new EdgeKeys(),
    registry: new MetricsRegistry(),
    repeat: false,
    poll: '20ms',
  })
  purges.start()
  await waitUntil('it is purged', () => mock.accepted.length === 1)
  await waitUntil('nothing is left', async () => (await queue.depths()).length === 0)
  await purges.close()
})
