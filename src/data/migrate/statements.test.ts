import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { positionAt, splitStatements, utf16Offset } from './statements.ts'

const textsOf = (sql: string): string[] => splitStatements(sql).map(({ text }) => text)

test('statements end at semicolons, and white space and comments alone are no statement', () => {
  assert.deepEqual(textsOf('-- one\nSELECT 1;\n\n/* two */ ; SELECT 2 ;;\n-- end'), ['SELECT 1', 'SELECT 2'])
  assert.deepEqual(textsOf(' \n-- nothing'), [])
})

test('a semicolon in a string, a name, a comment or a dollar quote ends nothing', () => {
  for (
    const sql of [
      `SELECT 'a;b''c;'`,
      String.raw`SELECT E'it\'s; so'`,
      String.raw`SELECT '\'`,
      `SELECT "x;""y;"`,
      'SELECT 1 /* ; /* ; */ ; */ + 2',
      'SELECT 1 -- ;\n+ 2',
      'DO $$ BEGIN; PERFORM 1; END $$',
      'DO $body$ SELECT $$;$$; $body$',
      'SELECT a$b FROM t',
      '(SELECT 1)',
    ]
  ) assert.deepEqual(textsOf(`${sql};SELECT 9`), [sql, 'SELECT 9'])
})

test('a body of standard SQL is one statement, with CASE inside', () => {
  const sql = `CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql
    BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a > 0 THEN 1 ELSE 2 END; END`
  assert.deepEqual(textsOf(`${sql}; SELECT 2`), [sql, 'SELECT 2'])
})

test('each statement is found in the file where it says it starts', () => {
  const part = fc.constantFrom(
    'SELECT 1',
    ';',
    '-- c;\n',
    '/* ; */',
    `'a;'`,
    '"b;"',
    '$$;$$',
    ' ',
    '\n',
    'é😀'
  )
  fc.assert(fc.property(fc.array(part), (parts) => {
    const sql = parts.join('')
    for (const { text, start } of splitStatements(sql))
      assert.equal(sql.slice(start, start + text.length), text)
  }))
})

test('a position counts lines and characters from 1, and an emoji is one character', () => {
  assert.deepEqual(positionAt('ab\n😀c', 5), { line: 2, column: 2 })
  assert.equal(utf16Offset('😀c', 1), 2)
  assert.deepEqual(positionAt('', 0), { line: 1, column: 1 })
})
