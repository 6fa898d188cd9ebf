import fc from 'fast-check'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { inlineValues } from './inline-values.ts'

let database: TestDatabase
let client: pg.Client

before(async () => {
  database = await testDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
})

after(async () => {
  await client.end()
  await database.close()
})

async function echo (type: string, value: unknown): Promise<unknown> {
  const text = `select $1::${type} as value`
  const [inlined, bound] = await Promise.all([
    client.query(inlineValues(text, [value])),
    client.query({ text, values: [value] }),
  ])
  assert.deepEqual(inlined.rows, bound.rows)
  return inlined.rows[0]?.value
}

const anyText = fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replaceAll('\0', ''))

test('any text arrives as it was, whatever quotes, backslashes and dollars it holds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(anyText, fc.stringMatching(/^['"\\$;\-/*a1E]{0,20}$/)),
      async (text) => assert.equal(await echo('text', text), text)
    ),
    { numRuns: 150 }
  )
})

test('arrays, numbers, dates, bytes, JSON and NULL arrive as parameters would', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(anyText), { maxLength: 5 }), async (texts) => {
      assert.deepEqual(await echo('text[]', texts), texts)
    }),
    { numRuns: 50 }
  )
  await echo('int[]', [1, null, -3])
  await echo('int[]', [[1, 2], [3, 4]])
  await echo('numeric', 12.5)
  await echo('bigint', 9_007_199_254_740_993n)
  await echo('boolean', false)
  await echo('timestamptz', new Date('2026-01-02T03:04:05.678Z'))
  await echo('bytea', Buffer.from([0, 39, 92, 255]))
  await echo('jsonb', { a: ["'", '\\', 1] })
  await echo('int', null)
})

test('what looks like a parameter and is none stays', () => {
  const sql = `select '$1', E'\\'$1', "$1", $$ $1 $$, $a$ $1 $a$, a$1 -- $1
    /* $1 /* $1 */ $1 */, $1`
  assert.equal(inlineValues(sql, [7]), `${sql.slice(0, -2)}('7')`)
})

test('a semicolon ends the query, and nothing may follow it', () => {
  assert.equal(inlineValues('select 1;  ', []), 'select 1')
  assert.equal(inlineValues("select ';'", []), "select ';'")
  assert.throws(() => inlineValues('select 1; drop table x', []), { code: 'STREAM_QUERY_INVALID' })
})

test('a parameter without a value, and a text that no database can hold, are refused', () => {
  assert.throws(() => inlineValues('select $2', [1]), {
    code: 'STREAM_QUERY_INVALID',
    message: /has \$2, and there are 1/,
  })
  assert.throws(() => inlineValues('select $1', ['a\0; drop table x']), { code: 'STREAM_QUERY_INVALID' })
})
