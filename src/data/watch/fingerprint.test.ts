import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ShapeCache, shapeOf } from './fingerprint.ts'

const fingerprint = (text: string): string => shapeOf(text).fingerprint

test('comments, white space and literals of all kinds say nothing of a statement', () => {
  assert.equal(
    fingerprint(
      `select /* trace=1 */ a1, "b 2"\n  from t -- here\n where x = 'it''s' and y = -1.5e3 and z = $1::int`
    ),
    'select a1, "b 2" from t where x = ? and y = -? and z = $1::int'
  )
  assert.equal(fingerprint("select E'a\\'b', $$x 'y'$$, $q$ $$ $q$, b'01'"), 'select ?, ?, ?, ?')
})

test('a list of any length is one statement, and what follows it keeps its number', () => {
  const long = 'select * from t where id in ($1, $2,$3) and tenant = $4 and again = $4'
  assert.equal(fingerprint(long), 'select * from t where id in (...) and tenant = $1 and again = $1')
  assert.equal(
    fingerprint('select * from t where id in ($1) and tenant = $2 and again = $2'),
    fingerprint(long)
  )
  assert.equal(fingerprint('insert into t values ($1, now()), ($2, now())'), 'insert into t values (...)')
})

test('only a list of several values makes a batch', () => {
  assert.equal(shapeOf('select * from t where id in (1, 2)').isBatch, true)
  assert.equal(shapeOf('select * from t where id in ($1)').isBatch, false)
  assert.equal(shapeOf('insert into t values ($1, $2)').isBatch, false)
  assert.equal(shapeOf('insert into t values ($1, $2), ($3, $4)').isBatch, true)
})

test('what controls the session is no query', () => {
  for (const text of ['begin', '/* x */ COMMIT', 'set local x to 1', 'savepoint a', 'listen x', '']) {
    assert.equal(shapeOf(text).isQuery, false, text)
  }
  for (
    const text of [
      'select 1',
      '(select 1) union (select 2)',
      '-- x\nWITH a AS (select 1) select 1',
      'Merge into t',
    ]
  ) {
    assert.equal(shapeOf(text).isQuery, true, text)
  }
})

test('values written into a text leave its fingerprint as it is', () => {
  const literal = fc.oneof(
    fc.integer({ min: 0 }).map(String),
    fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map(String),
    fc.string().map((text) => `'${text.replaceAll("'", "''")}'`)
  )
  fc.assert(
    fc.property(literal, literal, (one, other) => {
      assert.equal(
        fingerprint(`select * from t where a = ${one} and b > ${other}`),
        'select * from t where a = ? and b > ?'
      )
    }),
    { numRuns: 200 }
  )
})

test('no text breaks it, and one that has no literals left stays as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const once = fingerprint(text)
      assert.equal(fingerprint(once), once)
    }),
    { numRuns: 200 }
  )
})

test('the cache holds no more than its limit', () => {
  const cache = new ShapeCache(2)
  const first = cache.of('select 1')
  assert.equal(cache.of('select 1'), first)
  cache.of('select 1, 2')
  cache.of('select 1, 2, 3')
  assert.notEqual(cache.of('select 1'), first)
})
