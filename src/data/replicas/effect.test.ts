import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Effect, effectOf, keptEffectOf } from './effect.ts'

const reads = [
  '',
  ';',
  '-- nothing\n',
  'SELECT 1',
  'select * from "order" where id = $1;',
  'SELECT 1 -- ; DELETE FROM a',
  `SELECT 'DELETE FROM a; INSERT', "update" FROM a`,
  `SELECT E'it\\'s ; delete' , 'it''s ; delete'`,
  'SELECT $$ ; delete from a $$, $tag$ insert $$ into $tag$, $1',
  'SELECT /* delete /* nested */ insert */ 1',
  'SELECT count(*), max ( b ), coalesce(c, 0) FROM a WHERE b IN (1, 2) AND EXISTS (SELECT 1)',
  'WITH x AS (SELECT 1), y AS MATERIALIZED (SELECT 2) SELECT * FROM x UNION ALL (SELECT * FROM y)',
  'SELECT * FROM unnest($1::int[]) AS t(id) JOIN LATERAL (SELECT 1) u ON (true)',
  'SELECT pg_catalog.lower(a) FROM b',
  'SELECT a::numeric(10, 2), cast(b AS varchar(3)) FROM c ORDER BY (d) LIMIT (1)',
  '(SELECT 1) UNION (SELECT 2)',
  'VALUES (1), (2)',
  'TABLE a',
  'SHOW server_version',
  'EXPLAIN DELETE FROM a',
  'EXPLAIN (GENERIC_PLAN, FORMAT JSON) INSERT INTO a VALUES ($1)',
  'EXPLAIN ANALYZE SELECT 1',
  'BEGIN',
  'START TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  'begin; set local statement_timeout to default',
  'SAVEPOINT a',
  'ROLLBACK TO a',
  'SET search_path TO a',
  'DECLARE c CURSOR FOR SELECT * FROM a',
  'FETCH 100 FROM c',
  'CLOSE c',
  'SELECT sum(a) FILTER (WHERE b) OVER (PARTITION BY c) FROM d GROUP BY GROUPING SETS ((a), ())',
  'SELECT extract(epoch FROM now()) , CASE WHEN (a) THEN (b) ELSE (c) END FROM d',
]
const mayWrite = [
  'INSERT INTO a VALUES (1)',
  'update a set b = 1',
  'DELETE FROM a',
  'MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE',
  'TRUNCATE a',
  'CREATE TABLE a (b int)',
  'CALL a()',
  'DO $$ BEGIN END $$',
  'COPY a FROM STDIN',
  'NOTIFY a',
  'EXECUTE a',
  'PREPARE a AS SELECT 1',
  `PREPARE TRANSACTION 'a'`,
  `COMMIT PREPARED 'a'`,
  'SELECT * INTO b FROM a',
  'WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x',
  'with x as materialized (insert into a values (1) returning id) select * from x',
  'SELECT nextval($1)',
  'SELECT charge_order(1)',
  'SELECT shop.lower(1)',
  'SELECT "Charge"(1)',
  'SELECT set_config($1, $2, true)',
  'SELECT 1; DELETE FROM a',
  'BEGIN; INSERT INTO a VALUES (1); COMMIT',
  'EXPLAIN ANALYZE DELETE FROM a',
  'EXPLAIN (ANALYZE, BUFFERS) WITH x AS (UPDATE a SET b = 1 RETURNING 1) SELECT * FROM x',
  'DECLARE c CURSOR FOR SELECT f(1)',
  `SELECT 'never ends`,
  'SELECT $a$ never ends $b$',
  'SELECT /* never ends',
  'SELECT a FROM b; SELECT größe(1)',
  'SELECT over(1)',
  'SELECT next(a), filter(b) FROM c',
  'SELECT sign($1)',
  'gibberish',
]
const locks = [
  'SELECT * FROM a WHERE id = 1 FOR UPDATE SKIP LOCKED',
  'SELECT * FROM a FOR NO KEY UPDATE OF a',
  'SELECT * FROM a FOR SHARE; SELECT 1',
  'SELECT 1; WITH b AS (SELECT * FROM a FOR KEY SHARE) SELECT * FROM b',
]
const commits = [
  'COMMIT',
  'commit work;',
  'END',
  '/* a */ COMMIT AND CHAIN',
  'SET LOCAL a TO DEFAULT; commit',
]

test('statements are told apart by what they may do to data', () => {
  const told = (texts: readonly string[], effect: Effect): void => {
    for (const text of texts) assert.equal(effectOf(text), effect, text)
  }
  told(reads, 'reads')
  told(mayWrite, 'may-write')
  told(locks, 'locks')
  told(commits, 'commits')
})

test('a write is seen behind whatever stands around it that is not code', () => {
  const noise = fc.constantFrom(' ', '\n', '/* select */', '-- x\n', '\t', '/* /* */ */')
  const write = fc.constantFrom(...mayWrite.slice(0, 7))
  fc.assert(
    fc.property(fc.array(noise, { maxLength: 4 }), write, fc.constantFrom('', 'SELECT 1;', `SELECT ';';`), (
      around,
      text,
      before
    ) => {
      assert.equal(effectOf(`${before}${around.join('')} ${text}${around.join('')}`), 'may-write')
    }),
    { numRuns: 200 }
  )
})

test('any text has an effect, and the same one the second time', () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.constantFrom(`'`, '"', '$$', '/*', '*/', '--', ';', '(', 'select ')
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('')
      assert.equal(keptEffectOf(text), effectOf(text))
      assert.equal(keptEffectOf(text), effectOf(text))
    }),
    { numRuns: 200 }
  )
})

test('texts without end take no memory without end', () => {
  for (let each = 0; each < 5_000; each++) keptEffectOf(`DELETE FROM a WHERE id = ${each}`)
  assert.equal(keptEffectOf('SELECT 1'), 'reads')
  assert.equal(keptEffectOf(`SELECT '${'x'.repeat(20_000)}'`), 'may-write')
})
