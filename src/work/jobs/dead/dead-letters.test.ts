import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { uuidv7 } from '../../../kernel/index.ts'
import { deadTables, prepareDeadTables } from '../failure/index.ts'
import { DeadLetters } from './dead-letters.ts'
import { die, otherFailure, someFailure } from './dead.fixture.ts'

let database: TestDatabase
let pool: pg.Pool
let letters: DeadLetters
const operator = { actor: 'ann', reason: 'ticket 12' }

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
  await Promise.all([prepareDeadTables(pool, undefined), prepareDeadTables(pool, undefined)])
  letters = new DeadLetters({ pool })
})
beforeEach(async () => {
  await pool.query('TRUNCATE plimsoll_job_dead, plimsoll_job_dead_audit')
})
after(async () => {
  await pool?.end()
  await database?.close()
})

test('a letter is shown as it died', async () => {
  const [id = ''] = await die(pool, [{ agoMs: 60_000 }])
  const { letters: [letter], next } = await letters.list()
  assert.equal(next, undefined)
  assert.ok(letter !== undefined)
  const { failedAtMs, ...rest } = letter
  assert.ok(Math.abs(Date.now() - 60_000 - failedAtMs) < 30_000)
  assert.deepEqual(rest, {
    id,
    name: 'order.charge',
    tier: 'within-5s',
    tenant: 'acme',
    priority: 0,
    attempt: 5,
    attempts: 5,
    payload: '{"orderId":"17"}',
    enqueuedAtMs: Date.parse('2026-11-23T05:00:00Z'),
    fingerprint: someFailure.fingerprint,
    version: '1.0.0',
    error: someFailure,
  })
})

test('pages show each letter once, the latest first, also of those that died in one statement', async () => {
  await die(pool, Array.from({ length: 5 }, () => ({ agoMs: 1_000 })))
  await die(pool, [{ agoMs: 9_000 }, { agoMs: 0 }])
  const seen: number[] = []
  const ids = new Set<string>()
  let after: string | undefined
  do {
    const page = await letters.list({}, { limit: 2, after })
    assert.ok(page.letters.length <= 2)
    for (const { id, failedAtMs } of page.letters) {
      seen.push(failedAtMs)
      ids.add(id)
    }
    after = page.next
  } while (after !== undefined)
  assert.equal(ids.size, 7)
  assert.deepEqual(seen, seen.toSorted((one, other) => other - one))
})

test('a filter means the letters that fulfil all of it', async () => {
  const [one = '', two = ''] = await die(pool, [
    { name: 'a', tier: 'within-1s', tenant: 'x', version: '1', agoMs: 10_000 },
    { name: 'b', tier: 'within-1h', tenant: 'y', version: '2', error: otherFailure(), agoMs: 0 },
  ])
  const sinceMs = Date.now() - 5_000
  const filters = [
    { name: 'a' },
    { tier: 'within-1s' },
    { tenant: 'x' },
    { version: '1' },
    { fingerprint: someFailure.fingerprint },
    { ids: [one, uuidv7()] },
    { beforeMs: sinceMs },
  ]
  for (const filter of filters) {
    const found = (await letters.list(filter)).letters.map(({ id }) => id)
    assert.deepEqual(found, [one], JSON.stringify(filter))
    assert.equal(await letters.count(filter), 1)
  }
  assert.deepEqual((await letters.list({ sinceMs })).letters.map(({ id }) => id), [two])
  assert.equal(await letters.count({ name: 'a', tenant: 'y' }), 0)
  assert.equal(await letters.count({ ids: [] }), 0)
})

test('a group says how many, since when, in which versions, of how many tenants, with its latest as sample', async () => {
  await die(pool, [
    { version: '1.0.0', tenant: 'a', agoMs: 50_000 },
    { version: '1.0.0', tenant: 'b', agoMs: 40_000 },
    {
      version: '1.1.0',
      tenant: 'b',
      agoMs: 30_000,
      error: { ...someFailure, message: 'card 18 was refused' },
    },
    { name: 'order.ship', agoMs: 5_000 },
    { error: otherFailure(), agoMs: 1_000 },
  ])
  const groups = await letters.groups()
  assert.deepEqual(groups.map(({ name, fingerprint, count }) => [name, fingerprint, count]), [
    ['order.charge', otherFailure().fingerprint, 1],
    ['order.ship', someFailure.fingerprint, 1],
    ['order.charge', someFailure.fingerprint, 3],
  ])
  const group = groups[2]!
  assert.equal(group.tenants, 2)
  assert.equal(group.sample.error.message, 'card 18 was refused')
  assert.equal(Math.round((group.lastFailedAtMs - group.firstFailedAtMs) / 1_000), 20)
  assert.deepEqual(group.versions.map(({ version, count }) => [version, count]), [['1.0.0', 2], ['1.1.0', 1]])
  const [first] = group.versions
  assert.equal(Math.round((first!.lastFailedAtMs - first!.firstFailedAtMs) / 1_000), 10)
  assert.equal((await letters.groups({ version: '1.1.0' })).length, 1)
  assert.equal((await letters.groups({}, 2)).length, 2)
})

test('an edit replaces the payload, and notes who replaced what by what, and why', async () => {
  const [id = ''] = await die(pool, [{}])
  const edited = await letters.edit(id, { payload: '{"orderId":"18"}' }, operator)
  assert.equal(edited.payload, '{"orderId":"18"}')
  const found = await letters.find(id)
  assert.equal(found?.payload, '{"orderId":"18"}')
  const [note] = found.audit
  assert.deepEqual({ ...note, atMs: 0 }, {
    atMs: 0,
    actor: 'ann',
    action: 'edit',
    reason: 'ticket 12',
    job: id,
    name: 'order.charge',
    fingerprint: someFailure.fingerprint,
    details: { before: '{"orderId":"17"}', after: '{"orderId":"18"}' },
  })
})

test('of two edits that saw the same letter the second is refused, and leaves no note', async () => {
  const [id = ''] = await die(pool, [{}])
  const seen = '{"orderId":"17"}'
  const edits = await Promise.allSettled([
    letters.edit(id, { payload: '1', seen }, operator),
    letters.edit(id, { payload: '2', seen }, operator),
  ])
  const refused = edits.filter(({ status }) => status === 'rejected')
  assert.equal(refused.length, 1)
  assert.equal((refused[0] as PromiseRejectedResult).reason.code, 'DEAD_LETTER_CHANGED')
  assert.equal((await letters.history(id)).length, 1)
})

test('a payload that is no JSON, or that the job cannot read, is refused', async () => {
  const [id = ''] = await die(pool, [{}])
  const strict = new DeadLetters({
    pool,
    checkPayload: (name, payload) => `${name} wants no ${JSON.stringify(payload)}`,
  })
  await assert.rejects(letters.edit(id, { payload: '{' }, operator), { code: 'DEAD_LETTER_PAYLOAD' })
  await assert.rejects(strict.edit(id, { payload: '5' }, operator), {
    code: 'DEAD_LETTER_PAYLOAD',
    reason: 'order.charge wants no 5',
  })
  assert.equal((await letters.find(id))?.payload, '{"orderId":"17"}')
})

test('a letter that is not there is not edited', async () => {
  await assert.rejects(letters.edit(uuidv7(), { payload: '1' }, operator), { code: 'DEAD_LETTER_MISSING' })
  await assert.rejects(letters.edit('17', { payload: '1' }, operator), { code: 'DEAD_LETTER_MISSING' })
  assert.equal(await letters.find('17'), undefined)
})

test('what is discarded leaves whole into the audit; what nobody meant stays', async () => {
  const ids = await die(
    pool,
    Array.from({ length: 2_300 }, (_, at) => ({ name: at < 2_200 ? 'gone' : 'stays' }))
  )
  assert.equal(await letters.discard({ name: 'gone' }, operator), 2_200)
  assert.equal(await letters.count(), 100)
  const [note] = await letters.history(ids[0]!)
  assert.equal(note?.action, 'discard')
  const kept = note.details['letter'] as Record<string, unknown>
  assert.deepEqual([kept['payload'], kept['error'], kept['attempts']], ['{"orderId":"17"}', someFailure, 5])
})

test('what dies while letters are discarded has been seen by nobody, and stays', async () => {
  await die(pool, Array.from({ length: 1_500 }, () => ({})))
  const busy = {
    async query (query: unknown, values?: unknown[]) {
      const result = await pool.query(query as string, values)
      await die(pool, [{}])
      return result
    },
  } as unknown as pg.Pool
  assert.equal(await new DeadLetters({ pool: busy }).discard({}, operator), 1_500)
  assert.equal(await letters.count(), 3)
})

test('who does it must be named, and what cannot be meant is refused', async () => {
  const wrong = { code: 'SETTING_INVALID' }
  await assert.rejects(letters.discard({}, { actor: ' ' }), wrong)
  await assert.rejects(letters.discard({ ids: ['17'] }, operator), wrong)
  await assert.rejects(letters.list({}, { limit: 0 }), wrong)
  await assert.rejects(letters.list({}, { limit: 1_001 }), wrong)
  await assert.rejects(letters.list({}, { after: 'x' }), wrong)
  await assert.rejects(letters.groups({}, 0.5), wrong)
})

test('letters of a schema of its own', async () => {
  await prepareDeadTables(pool, 'the "shop"')
  const [id = ''] = await die(pool, [{}], 'the "shop"')
  const own = new DeadLetters({ pool, schema: 'the "shop"' })
  assert.equal((await own.find(id))?.id, id)
  assert.equal((await own.groups()).length, 1)
  await own.edit(id, { payload: '1' }, operator)
  assert.equal(await own.discard({}, operator), 1)
  assert.equal(await letters.find(id), undefined)
  assert.equal(deadTables('a"b').letters, '"a""b".plimsoll_job_dead')
})
