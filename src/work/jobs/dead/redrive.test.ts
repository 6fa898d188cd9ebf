import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { manualClock } from '../../../kernel/index.ts'
import { prepareDeadTables } from '../failure/index.ts'
import { DeadLetters } from './dead-letters.ts'
import { die, otherFailure, type QueueUnderTest, queueUnderTest, someFailure } from './dead.fixture.ts'
import { pace } from './pace.ts'
import type { RedriveOptions, RedriveProgress } from './redrive-options.ts'
import { redrive } from './redrive.ts'

let database: TestDatabase
let pool: pg.Pool
let letters: DeadLetters
let queue: QueueUnderTest

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
  await prepareDeadTables(pool, undefined)
  letters = new DeadLetters({ pool })
})
beforeEach(async () => {
  await pool.query('TRUNCATE plimsoll_job_dead, plimsoll_job_dead_audit')
  queue = queueUnderTest(pool)
})
after(async () => {
  await pool?.end()
  await database?.close()
})

const operator = { actor: 'ann', reason: 'fixed in 1.1.0' }
const filter = { fingerprint: someFailure.fingerprint }

function some (options: Partial<RedriveOptions> = {}): RedriveOptions {
  return { pool, store: queue, filter, operator, perSecond: 10_000, ...options }
}

function counts ({ run: _run, failures: _failures, ...rest }: RedriveProgress): object {
  return rest
}

test('all letters go, under their old ids, and the audit says so', async () => {
  const ids = await die(
    pool,
    Array.from({ length: 700 }, (_, at) => ({ agoMs: 700 - at, tracked: at === 0 }))
  )
  await die(pool, [{ error: otherFailure() }])
  const seen: string[] = []
  queue.outcome = ({ id }) => {
    seen.push(id)
    return 'done'
  }
  const result = await redrive(some())
  assert.deepEqual(counts(result), {
    state: 'done',
    total: 700,
    sent: 700,
    succeeded: 700,
    failed: 0,
    underWay: 0,
    duplicates: 0,
    newcomers: 0,
  })
  assert.deepEqual(seen.toSorted(), ids.toSorted())
  assert.equal(await letters.count(), 1)
  const [note] = await letters.history(ids[0]!)
  assert.deepEqual([note?.action, note?.actor, note?.reason, note?.details], [
    'redrive',
    'ann',
    'fixed in 1.1.0',
    { run: result.run, tries: 'one' },
  ])
})

test('the job is what it was, with one more try or with all of them', async () => {
  const letter = {
    attempts: 5,
    cap: 3,
    unique: 'order-17',
    tracked: true,
    payload: '{"a":1}',
    tenant: 'acme',
  }
  for (const [tries, attempt] of [['one', 4], ['all', 0]] as const) {
    const [id = ''] = await die(pool, [letter])
    queue.outcome = (job) => {
      assert.deepEqual(job, {
        id,
        name: 'order.charge',
        tier: 'within-5s',
        tenant: 'acme',
        weight: 1,
        priority: 0,
        payload: '{"a":1}',
        attempts: 5,
        attempt,
        tracked: true,
        context: { tenant: 'acme' },
        cap: 3,
        unique: { key: 'order-17' },
      })
      return 'done'
    }
    assert.equal((await redrive(some({ tries }))).succeeded, 1)
  }
})

test('when the one that goes ahead dies again, no other follows', async () => {
  const [first = ''] = await die(pool, [{ agoMs: 9_000 }, { agoMs: 5_000 }, {}])
  queue.outcome = () => otherFailure('still broken')
  const { state, sent, failed, failures } = await redrive(some({ stopAfter: 5 }))
  assert.deepEqual([state, sent, failed], ['stopped', 1, 1])
  assert.deepEqual(failures.map(({ id, error }) => [id, error.message]), [[first, 'still broken']])
  assert.equal(await letters.count(), 3)
})

test('the others wait for the end of the one that goes ahead', async () => {
  await die(pool, [{}, {}, {}])
  let isOver = false
  queue.outcome = () => isOver ? 'done' : undefined
  const states: RedriveProgress[] = []
  const running = redrive(some({ onProgress: (progress) => states.push(progress) }))
  await waitUntil('it looked twice', () => states.filter(({ underWay }) => underWay === 1).length > 3)
  assert.equal(queue.waiting.size, 1)
  assert.ok(states.every(({ state }) => state === 'testing'))
  isOver = true
  assert.equal((await running).succeeded, 3)
})

test('it stops when so many have died again, and leaves the rest alone', async () => {
  await die(pool, Array.from({ length: 60 }, (_, at) => ({ agoMs: 1_000 - at })))
  let ended = 0
  queue.outcome = () => ++ended > 10 ? someFailure : 'done'
  const result = await redrive(some({ stopAfter: 3, underWay: 5 }))
  assert.equal(result.state, 'stopped')
  assert.ok(result.failed >= 3 && result.failed <= 8, String(result.failed))
  assert.equal(await letters.count(), 60 - result.succeeded)
  assert.equal(queue.waiting.size, 0)
})

test('what died again is not sent again by the same redrive, whatever it died of', async () => {
  await die(pool, Array.from({ length: 40 }, () => ({})))
  queue.outcome = () => someFailure
  const { state, sent, failed, failures } = await redrive(some({ tests: 0, stopAfter: 1_000 }))
  assert.deepEqual([state, sent, failed, failures.length], ['done', 40, 40, 5])
})

test('what dies meanwhile is not sent', async () => {
  await die(pool, [{}, {}])
  queue.outcome = () => otherFailure()
  let hasDied = false
  const result = await redrive(some({
    tests: 0,
    stopAfter: 9,
    onProgress: () => {
      if (hasDied) return
      hasDied = true
      queue.outcome = () => 'done'
      void die(pool, [{}])
    },
  }))
  await waitUntil('it died', async () => await letters.count() > 0)
  assert.equal(result.sent, 2)
  assert.equal((await redrive(some())).sent, 1)
})

test('letters that came back are no newcomers; others of their kind are', async () => {
  await die(pool, [{}])
  queue.outcome = () => someFailure
  assert.equal((await redrive(some())).newcomers, 0)
  let calls = 0
  queue.outcome = () => ++calls === 1 ? undefined : someFailure
  const running = redrive(some())
  await waitUntil('it was sent', () => queue.waiting.size === 1)
  await die(pool, [{}, {}])
  assert.equal((await running).newcomers, 2)
})

test('a letter whose unique key another job has taken stays a letter as it was', async () => {
  const [id = ''] = await die(pool, [{ unique: 'taken', agoMs: 1_000 }, { unique: 'free' }])
  const before = await letters.find(id)
  queue.keys.add('taken')
  const { sent, duplicates, succeeded } = await redrive(some({ tests: 0 }))
  assert.deepEqual([sent, duplicates, succeeded], [1, 1, 1])
  assert.deepEqual(await letters.find(id), before)
})

test('a letter that has to stay tests nothing: the next one goes ahead', async () => {
  await die(pool, [{ unique: 'taken', agoMs: 9_000 }, { agoMs: 5_000 }, {}])
  queue.keys.add('taken')
  queue.outcome = () => otherFailure('still broken')
  const { state, sent, failed, duplicates } = await redrive(some())
  assert.deepEqual([state, sent, failed, duplicates], ['stopped', 1, 1, 1])
})

test('no more are under way at once than it may have', async () => {
  await die(pool, Array.from({ length: 30 }, () => ({})))
  let most = 0
  const hold = new Map<string, number>()
  queue.outcome = ({ id }) => {
    most = Math.max(most, queue.waiting.size)
    const looks = (hold.get(id) ?? 0) + 1
    hold.set(id, looks)
    return looks > 2 ? 'done' : undefined
  }
  assert.equal((await redrive(some({ tests: 0, underWay: 7 }))).succeeded, 30)
  assert.equal(most, 7)
})

test('a limit ends it early', async () => {
  await die(pool, Array.from({ length: 9 }, () => ({})))
  const { state, total, sent } = await redrive(some({ limit: 4 }))
  assert.deepEqual([state, total, sent], ['done', 4, 4])
  assert.equal(await letters.count(), 5)
})

test('two redrives of one group send each letter once', async () => {
  const ids = await die(pool, Array.from({ length: 300 }, () => ({})))
  const seen: string[] = []
  queue.outcome = ({ id }) => {
    seen.push(id)
    return 'done'
  }
  const [one, other] = await Promise.all([redrive(some({ tests: 0 })), redrive(some({ tests: 0 }))])
  assert.equal(one.sent + other.sent, 300)
  assert.deepEqual(seen.toSorted(), ids.toSorted())
})

test('a letter that somebody else is at is not waited for', async () => {
  const [first] = await die(pool, [{ agoMs: 1_000 }, {}])
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('SELECT FROM plimsoll_job_dead WHERE id = $1 FOR UPDATE', [first])
    const { sent, state } = await redrive(some({ tests: 0 }))
    assert.deepEqual([sent, state], [1, 'done'])
  } finally {
    await client.query('rollback')
    client.release()
  }
  assert.deepEqual((await letters.list()).letters.map(({ id }) => id), [first])
})

test('interrupted, it sends nothing more, and what was sent stays sent', async () => {
  await die(pool, Array.from({ length: 5 }, () => ({})))
  queue.outcome = () => undefined
  const interruption = new AbortController()
  const running = redrive(some({ signal: interruption.signal }))
  await waitUntil('one is under way', () => queue.waiting.size === 1)
  interruption.abort(new Error('enough'))
  const { state, sent, underWay } = await running
  assert.deepEqual([state, sent, underWay], ['interrupted', 1, 1])
  assert.equal(await letters.count(), 4)
})

test('a queue that fails takes nothing out of the letters', async () => {
  await die(pool, [{}, {}])
  const broken = { ...queue, enqueue: () => Promise.reject(new Error('no room')) }
  await assert.rejects(redrive(some({ store: broken })), /no room/)
  assert.equal(await letters.count(), 2)
  assert.equal((await pool.query('SELECT FROM plimsoll_job_dead_audit')).rowCount, 0)
})

test('options out of range are refused', async () => {
  const wrong: readonly Partial<RedriveOptions>[] = [
    { perSecond: 0 },
    { perSecond: 20_000 },
    { tests: -1 },
    { stopAfter: 0 },
    { underWay: 0 },
    { limit: 0.5 },
    { tries: 'none' as never },
    { operator: { actor: '' } },
    { filter: { ids: ['17'] } },
  ]
  for (const options of wrong)
    await assert.rejects(redrive(some(options)), { code: 'SETTING_INVALID' }, JSON.stringify(options))
})

test('a pace is kept over time, and what a pause saved up is at most a second of it', () => {
  const clock = manualClock()
  const due = pace(20, clock)
  let sent = 0
  for (let step = 0; step < 100; step++) {
    clock.advance(10)
    sent += due(100)
  }
  assert.ok(sent >= 20 && sent <= 21, String(sent))
  clock.advance(60_000)
  assert.equal(due(100), 20)
  assert.equal(due(100), 0)
  clock.advance(50)
  assert.equal(due(0), 0)
  assert.equal(due(100), 1)
  const slow = pace(0.5, clock)
  assert.equal(slow(10), 1)
  clock.advance(1_900)
  assert.equal(slow(10), 0)
  clock.advance(200)
  assert.equal(slow(10), 1)
})
