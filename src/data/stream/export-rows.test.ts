import fc from 'fast-check'
import Fastify from 'fastify'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import {
  Deadline,
  newTrace,
  runWithContext,
  systemClock,
  systemRandom,
  WorkSignal,
} from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { governPool } from '../pool/index.ts'
import { exportRows, type StreamQuery } from './export-rows.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  const plain = new pg.Pool({ connectionString: database.url, max: 2 })
  plain.on('error', () => {})
  pool = governPool(plain, { registry: new MetricsRegistry() })
})

after(async () => {
  await pool.end()
  await database.close()
})

async function lines (query: StreamQuery): Promise<unknown[]> {
  const whole = await text(await exportRows(pool, query, { format: 'ndjson' }))
  assert.ok(whole === '' || whole.endsWith('\n'))
  return whole.split('\n').slice(0, -1).map((line) => JSON.parse(line) as unknown)
}

test('each row is a line of JSON with all of its digits', async () => {
  const rows = await lines({
    text: `select 1 as int, 9007199254740993::bigint as big, 1.50::numeric as price, 1e300::float8 as far,
      'NaN'::float8 as nan, '-Infinity'::float8 as least, true as yes, false as no, null::text as nothing, '' as empty,
      '2026-01-02 03:04:05.678901+00'::timestamptz as at, '2026-01-02 03:04:05'::timestamp as local,
      '2026-01-02'::date as day, 'infinity'::timestamptz as never,
      '{"a": "\\"\\\\\\n"}'::json as doc, array['x', null, 'y"z'] as list, row(1, 'a') as pair,
      '\\x00ff'::bytea as bytes, '00000000-0000-0000-0000-000000000001'::uuid as id`,
  })
  assert.deepEqual(rows, [{
    int: 1,
    big: 9_007_199_254_740_992, // JSON.parse rounds; the text has them all
    price: 1.5,
    far: 1e300,
    nan: 'NaN',
    least: '-Infinity',
    yes: true,
    no: false,
    nothing: null,
    empty: '',
    at: '2026-01-02T03:04:05.678901+00:00',
    local: '2026-01-02T03:04:05',
    day: '2026-01-02',
    never: 'infinity',
    doc: { a: '"\\\n' },
    list: ['x', null, 'y"z'],
    pair: { f1: 1, f2: 'a' },
    bytes: '\\x00ff',
    id: '00000000-0000-0000-0000-000000000001',
  }])
  const raw = await text(
    await exportRows(pool, { text: 'select 9007199254740993::bigint as big' }, { format: 'ndjson' })
  )
  assert.equal(raw, '{"big":9007199254740993}\n')
})

test('it is the JSON that PostgreSQL makes, for any text', async () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.string({
      unit: fc.constantFrom('\\', '\t', '\n', '\r', '\v', '\b', '\f', '"', "'", 'N'),
      maxLength: 12,
    }),
    fc.constant(null)
  ).map((value) => value?.replaceAll('\0', '') ?? null)
  await fc.assert(
    fc.asyncProperty(fc.array(anyText, { minLength: 1, maxLength: 8 }), async (texts) => {
      const query = {
        text: `select value, value as "quo""te" from unnest($1::text[]) as value`,
        values: [texts],
      }
      assert.deepEqual(await lines(query), texts.map((value) => ({ value, 'quo"te': value })))
    }),
    { numRuns: 100 }
  )
})

test('JSON that was stored over several lines becomes one', async () => {
  const stored = '{\n\t"a":\r\n[1, "x\\ny"]}'
  const whole = await text(
    await exportRows(pool, { text: 'select $1::json as doc', values: [stored] }, { format: 'ndjson' })
  )
  assert.equal(whole.split('\n').length, 2)
  assert.deepEqual(JSON.parse(whole), { doc: { a: [1, 'x\ny'] } })
})

test('CSV has a line of names, and fields that need it are quoted', async () => {
  const query = {
    text: `select 'a,b' as x, 'say "hi"' as y, null as z union all select '1', '2', '3' order by 1`,
  }
  assert.equal(
    await text(await exportRows(pool, query, { format: 'csv' })),
    'x,y,z\n1,2,3\n"a,b","say ""hi""",\n'
  )
})

test('of very many rows, read slowly, each comes once and as it is', async () => {
  const count = 60_000
  const query = { text: `select i, 'row ' || i as name from generate_series(1, ${count}) i` }
  for (
    const [format, lineOf] of [
      ['csv', (i: number) => `${i},row ${i}`],
      ['ndjson', (i: number) => `{"i":${i},"name":"row ${i}"}`],
    ] as const
  ) {
    let whole = ''
    for await (const piece of await exportRows(pool, query, { format })) {
      whole += String(piece)
      // The next pieces arrive while this one is worked on, into memory that the driver uses again.
      await new Promise((resolve) => setImmediate(resolve))
    }
    const lines = whole.split('\n').slice(format === 'csv' ? 1 : 0, -1)
    assert.equal(lines.length, count)
    assert.equal(lines.findIndex((line, at) => line !== lineOf(at + 1)), -1)
  }
})

test("the query's order holds, also where PostgreSQL has to make JSON of a column", async () => {
  const rows = await lines({
    text: 'select i, array[i] as list from generate_series(1, 500) i order by i desc',
  })
  assert.deepEqual(
    rows.map((row) => (row as { i: number }).i),
    Array.from({ length: 500 }, (_, at) => 500 - at)
  )
})

test('what is no single query is refused before anything is sent, and the connection stays', async () => {
  for (
    const sql of [
      'delete from pg_class',
      'select 1; select 2',
      'selec',
      'select 1) to stdout; drop table x --',
    ]
  ) {
    await assert.rejects(exportRows(pool, { text: sql }, { format: 'csv' }), sql)
  }
  await assert.rejects(exportRows(pool, { text: 'select 1 as a, 2 as a' }, { format: 'ndjson' }), {
    code: 'STREAM_QUERY_INVALID',
    message: /two columns are named "a"/,
  })
  await waitUntil('all connections are back', () => pool.totalCount === pool.idleCount)
})

test('a trailing comment or semicolon does not hurt', async () => {
  assert.deepEqual(await lines({ text: 'select 1 as a -- one' }), [{ a: 1 }])
  assert.deepEqual(await lines({ text: 'select 1 as a;' }), [{ a: 1 }])
})

test('a query that fails in the middle makes the stream fail, and the pool serves on', async () => {
  const query = { text: 'select 10 / (5000 - i) as x from generate_series(1, 9000) i' }
  const stream = await exportRows(pool, query, { format: 'ndjson' })
  await assert.rejects(text(stream), { code: 'STREAM_BROKEN', message: /division by zero/ })
  assert.deepEqual(await lines({ text: 'select 1 as a' }), [{ a: 1 }])
})

test('nobody reads: the database waits, and memory stays', async () => {
  const query = { text: `select repeat('x', 1000) as x from generate_series(1, 200000)` }
  const stream = await exportRows(pool, query, { format: 'csv' })
  await once(stream, 'readable')
  await waitUntil('the database waits for its client', async () => {
    const { rows } = await pool.query(
      "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'ClientWrite' and query like '%200000%'"
    )
    return rows.length === 1
  })
  assert.ok(stream.readableLength < 4 * 1024 * 1024, `${stream.readableLength} bytes wait`)
  stream.destroy()
  await once(stream, 'close')
  await gone('200000')
})

test('a stream that is destroyed, also before its first row, ends its query', async () => {
  const query = { text: 'select i from generate_series(1, 2147483640) i order by md5(i::text) limit 777' }
  const stream = await exportRows(pool, query, { format: 'csv' })
  stream.on('error', () => {})
  await running('777')
  stream.destroy()
  await gone('777')
})

test('the deadline of the work ends its stream and its query', async () => {
  const query = { text: 'select i from generate_series(1, 2147483640) i order by md5(i::text) limit 555' }
  const deadline = Deadline.in(300, systemClock)
  const signal = new WorkSignal({ deadline })
  const context = {
    id: 'x',
    trace: newTrace(false, systemRandom),
    tenant: undefined,
    criticality: 'normal' as const,
    deadline,
    get signal () {
      return signal.signal
    },
  }
  const stream: Readable = await runWithContext(context, () => exportRows(pool, query, { format: 'csv' }))
  await assert.rejects(text(stream))
  await gone('555')
  signal.settle()
})

test('a server that goes away breaks the stream', async () => {
  const query = { text: `select repeat('x', 1000) as x from generate_series(1, 300001)` }
  const stream = await exportRows(pool, query, { format: 'csv' })
  await once(stream, 'readable')
  await pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like '%300001%' and pid <> pg_backend_pid()"
  )
  await assert.rejects(text(stream))
})

test('over HTTP, a query that fails in the middle is an answer that breaks off', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  app.get('/rows/:count', async (request, reply) => {
    const { count } = request.params as { count: string }
    const query = { text: 'select 10 / (30000 - i) as x from generate_series(1, $1::int) i', values: [count] }
    return reply.type('application/x-ndjson').send(await exportRows(pool, query, { format: 'ndjson' }))
  })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const whole = await (await fetch(`${base}/rows/29999`)).text()
  assert.equal(whole.split('\n').length, 30_000)
  const broken = await fetch(`${base}/rows/40000`)
  assert.equal(broken.status, 200)
  await assert.rejects(broken.text())
})

async function count (mark: string): Promise<number> {
  const { rows } = await pool.query(
    `select 1 from pg_stat_activity
      where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid() and query like $1`,
    [`%${mark}%`]
  )
  return rows.length
}
const running = (mark: string): Promise<void> => waitUntil('it runs', async () => await count(mark) === 1)
const gone = (mark: string): Promise<void> => waitUntil('it has ended', async () => await count(mark) === 0)
