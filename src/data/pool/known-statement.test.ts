import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KnownStatement, StatementCatalogue } from './known-statement.ts'

test('only one statement about rows is prepared', () => {
  const prepared = [
    'SELECT 1',
    ' \n select 1 ;\n',
    '-- why\n/* and\n ** how */ WITH a AS (SELECT 1) SELECT * FROM a',
    '(SELECT 1) UNION (SELECT 2)',
    'INSERT INTO a VALUES ($1)',
    'update a SET b = $1',
    'DELETE FROM a',
    'VALUES (1), (2)',
    'TABLE a',
    'MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE',
  ]
  const plain = [
    'SELECT 1; SELECT 2',
    "SELECT ';' || $1",
    'CREATE TABLE a (id int)',
    'BEGIN',
    'SET x TO y',
    'CALL a()',
    'DO $$ BEGIN END $$',
    'EXPLAIN SELECT 1',
    'LISTEN a',
    'COPY a TO STDOUT',
    '',
    '-- nothing',
    'selected',
  ]
  for (const text of prepared) assert.equal(new KnownStatement(text).preparable, true, text)
  for (const text of plain) assert.equal(new KnownStatement(text).preparable, false, text)
})

test('what writes, locks, waits or changes its session is no read', () => {
  const reads = [
    'SELECT a FROM b WHERE c = $1',
    'WITH a AS (SELECT 1) SELECT * FROM a',
    'VALUES (1)',
    'TABLE a',
  ]
  const others = [
    'INSERT INTO a VALUES (1)',
    'WITH gone AS (DELETE FROM a RETURNING *) SELECT * FROM gone',
    'SELECT * FROM a FOR UPDATE',
    'SELECT * FROM a for no key update skip locked',
    'SELECT * FROM a FOR KEY SHARE',
    'SELECT * INTO b FROM a',
    "SELECT nextval('a')",
    'SELECT pg_sleep(1)',
    'SELECT pg_advisory_lock(1)',
    'SELECT pg_try_advisory_xact_lock(1)',
    "SELECT set_config('a', 'b', false)",
    "SELECT pg_notify('a', 'b')",
    "SELECT dblink_exec('a')",
  ]
  for (const text of reads) assert.equal(new KnownStatement(text).isRead, true, text)
  for (const text of others) assert.equal(new KnownStatement(text).isRead, false, text)
})

test('what ends a transaction, and what resets a session, is told by its text', () => {
  const ending = (text: string): string | undefined => new KnownStatement(text).ending
  assert.deepEqual(
    ['commit', ' END', 'ROLLBACK', 'abort', 'rollback to a', 'committed', 'SELECT 1'].map(ending),
    [
      'commit',
      'commit',
      'rollback',
      'rollback',
      'rollback',
      undefined,
      undefined,
    ]
  )
  assert.ok(new KnownStatement('discard  all').deallocates && new KnownStatement('DISCARD ALL').resets)
  assert.ok(new KnownStatement('DEALLOCATE ALL').deallocates && !new KnownStatement('DEALLOCATE ALL').resets)
  assert.ok(new KnownStatement('RESET ALL').resets && !new KnownStatement('RESET ALL').deallocates)
  assert.ok(!new KnownStatement('DEALLOCATE mine').deallocates && !new KnownStatement('RESET role').resets)
})

test('a stall is forgotten soon, and a slow execution only after hundreds of fast ones', () => {
  const fastAfter = (slowMs: number): number => {
    const known = new KnownStatement('SELECT 1')
    known.took(slowMs)
    let count = 0
    for (; !known.isFast; count++) known.took(1)
    return count
  }
  assert.equal(fastAfter(99), 0)
  assert.ok(fastAfter(200) < 30)
  assert.ok(fastAfter(3_000) > 900)
})

test('the catalogue keeps what is used, counts it, and forgets the rest', () => {
  const catalogue = new StatementCatalogue(10)
  const known = catalogue.use('SELECT 1')
  for (let n = 0; n < 100; n++) {
    assert.equal(catalogue.use('SELECT 1'), known)
    catalogue.use(`SELECT 1 AS n${n}`)
  }
  assert.equal(known.uses, 101)
  assert.equal(catalogue.use('SELECT 1 AS n99').uses, 2)
  assert.equal(catalogue.use('SELECT 1 AS n0').uses, 1)
  const long = `SELECT '${'x'.repeat(20_000)}'`
  assert.notEqual(catalogue.use(long), catalogue.use(long))
})

test('a name is that of its text, in every process', () => {
  assert.equal(new KnownStatement('SELECT 1').name, 'plimsoll_e004ebd5b5532a4b85984a62')
  assert.notEqual(new KnownStatement('SELECT 1').name, new KnownStatement('SELECT 2').name)
  assert.ok(new KnownStatement('SELECT 1').name.length <= 63)
})
