import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallSite } from './call-site.ts'
import { findingOf } from './finding.ts'
import { shapeOf } from './fingerprint.ts'
import { Repetitions } from './repetitions.ts'

const byId = 'select * from product where id = $1'
const siteAt = (line: number): CallSite => ({ file: 'a.ts', line, column: 1, function: 'f', callers: [] })

/** @returns kind and count of each finding, in order */
function feed (
  statements: readonly (readonly [text: string, values?: readonly unknown[], site?: CallSite])[],
  threshold = 5
): readonly string[] {
  const repetitions = new Repetitions(threshold)
  return statements.flatMap(([text, values, site]) => {
    const found = repetitions.add(text, shapeOf(text), values, site)
    return found === undefined ? [] : [`${found.kind} ${found.count}`]
  })
}

const times = <Item>(count: number, make: (at: number) => Item): Item[] =>
  Array.from({ length: count }, (_, at) => make(at))

test('more than the threshold of different parameters from one place is an N+1, told once', () => {
  assert.deepEqual(feed(times(5, (at) => [byId, [at]])), [])
  assert.deepEqual(feed(times(50, (at) => [byId, [at]])), ['n+1 6'])
})

test('values written into the text are parameters', () => {
  assert.deepEqual(feed(times(6, (at) => [`select * from product where id = ${at}`])), ['n+1 6'])
})

test('the same statement from several places is counted for each', () => {
  assert.deepEqual(feed(times(10, (at) => [byId, [at], siteAt(at % 2)])), [])
  assert.deepEqual(feed(times(12, (at) => [byId, [at], siteAt(at % 2)])), ['n+1 6', 'n+1 6'])
})

test('equal parameters are a duplicate, and no N+1', () => {
  assert.deepEqual(feed(times(6, () => [byId, [1]])), [])
  assert.deepEqual(feed(times(50, () => [byId, [1]])), ['duplicate 7'])
})

test('a batch and what controls the session never count', () => {
  assert.deepEqual(feed(times(20, (at) => ['select * from product where id = any($1)', [[at, at + 1]]])), [])
  assert.deepEqual(feed(times(20, (at) => ['select * from product where id in ($1, $2)', [at, at + 1]])), [])
  assert.deepEqual(feed(times(20, (at) => [`savepoint s${at}`])), [])
})

test('a loader that asks for one row each time is an N+1 all the same', () => {
  assert.deepEqual(feed(times(6, (at) => ['select * from product where id = any($1)', [[at]]])), ['n+1 6'])
})

test('a unit of very many different statements is watched no further', () => {
  const many = (count: number): [string, unknown[]][] => times(count, (at) => [`select c${at} from t`, []])
  const found = times(6, (at): [string, unknown[]] => [byId, [at]])
  assert.deepEqual(feed([...many(999), ...found]), ['n+1 6'])
  assert.deepEqual(feed([...many(1_000), ...found]), [])
})

test('it is an N+1 exactly when more than the threshold of values are different, in any order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 6 }),
      (ids, threshold) => {
        const found = feed(ids.map((id) => [byId, [id]]), threshold)
        assert.equal(found.some((each) => each.startsWith('n+1')), new Set(ids).size > threshold)
      }
    ),
    { numRuns: 200 }
  )
})

test('a finding names place, count and cure', () => {
  const cures: readonly (readonly [string, RegExp])[] = [
    [byId, /where id = any\(\$1\), or through a batching loader/],
    ['select * from "order item" where "order item"."id" = ?', /where "order item"\."id" = any\(\$1\)/],
    ['select * from a where x > $1', /where \.\.\. = any/],
    ['insert into a values (...)', /unnest/],
    ['update a set b = $1 where id = $2', /from unnest/],
  ]
  for (const [statement, cure] of cures) {
    const finding = findingOf({ kind: 'n+1', statement, site: siteAt(7), count: 6, unit: 'r-1' })
    assert.match(finding.cure, cure)
    assert.match(
      finding.message,
      /^N\+1: a\.ts:7 sent one statement 6 times with different parameters \(request r-1\)/
    )
    assert.ok(finding.message.includes(statement))
  }
})
