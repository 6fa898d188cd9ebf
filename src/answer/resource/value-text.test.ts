import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { comparedType, valueReader } from './value-text.ts'

const read = (type: string, text: string): string | undefined => valueReader(type)?.read(text)

const cases: readonly (readonly [type: string, text: string, value: string | undefined])[] = [
  ['int', '007', '7'],
  ['int', '-0', '0'],
  ['int', '2147483647', '2147483647'],
  ['int', '2147483648', undefined],
  ['int', '1.0', undefined],
  ['int', '', undefined],
  ['smallint', '-32768', '-32768'],
  ['smallint', '32768', undefined],
  ['bigint', '9223372036854775807', '9223372036854775807'],
  ['bigint', '9223372036854775808', undefined],
  ['numeric(10,2)', '0.10', '0.10'],
  ['numeric', '1e5', undefined],
  ['numeric', 'NaN', undefined],
  ['double precision', '1e308', '1e+308'],
  ['double precision', '1e309', undefined],
  ['real', '3.4e38', '3.4e+38'],
  ['real', '3.5e38', undefined],
  ['real', '1e-50', undefined],
  ['real', '0.0', '0'],
  ['boolean', 'true', 'true'],
  ['boolean', 'yes', undefined],
  ['uuid', 'ABCDEF00-0000-4000-8000-000000000000', 'abcdef00-0000-4000-8000-000000000000'],
  ['uuid', 'abcdef00', undefined],
  ['varchar(20)', 'a\0b', undefined],
  ['text', 'x'.repeat(1_000), 'x'.repeat(1_000)],
  ['text', 'x'.repeat(1_001), undefined],
  ['date', '2028-02-29', '2028-02-29'],
  ['date', '2100-02-29', undefined],
  ['date', '2026-04-31', undefined],
  ['timestamptz', '2026-01-01t00:00:00.000001z', '2026-01-01T00:00:00.000001Z'],
  ['timestamptz', '2026-01-01T00:00:00+14:00', '2026-01-01T00:00:00+14:00'],
  ['timestamptz', '2026-01-01T00:00:00.1234567Z', undefined],
  ['timestamptz', '2026-01-01T24:00:00Z', undefined],
  ['timestamptz', '2026-01-01T00:00:00', undefined],
  ['timestamptz', 'now', undefined],
]

test('values are read in one spelling, and what is none is refused', () => {
  for (const [type, text, value] of cases) assert.equal(read(type, text), value, `${type}: ${text}`)
})

test('an enum has its values and no other; a type that nobody checks cannot be filtered by', () => {
  const colour = valueReader('colour', ['red', 'blue'])
  assert.deepEqual([colour?.read('red'), colour?.read('Red'), colour?.read('__proto__')], [
    'red',
    undefined,
    undefined,
  ])
  assert.deepEqual([valueReader('tsquery'), valueReader('constructor')], [undefined, undefined])
})

const types = [
  'smallint',
  'int',
  'bigint',
  'numeric',
  'numeric(4,2)',
  'float8',
  'real',
  'boolean',
  'uuid',
  'text',
  'varchar(2)',
  'char(3)',
  'character (1)',
  'date',
  'timestamptz',
]
const digits = fc.constantFrom(...'0123456789')
const likely = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'0123456789-+.eETZ: truefals') }),
  fc.string({ unit: 'binary' }),
  fc.bigInt().map(String),
  fc.double().map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.string({ unit: digits, minLength: 8, maxLength: 8 }).map((d) =>
    `${d.slice(0, 4)}-${d.slice(4, 6)}-${d.slice(6)}`
  ),
  fc.string({ unit: digits, minLength: 6, maxLength: 6 }).map((d) =>
    `2026-12-${d.slice(0, 2)}T${d.slice(2, 4)}:${d.slice(4)}:00Z`
  ),
  fc.uuid()
)

test('a value is compared whole: no length cuts or rounds it', () => {
  const compared = ['char(3)', 'CHARACTER(3)', 'varchar(20)', 'numeric(10, 2)', 'timestamptz(3)', 'int'].map(
    comparedType
  )
  assert.deepEqual(compared, ['bpchar', 'bpchar', 'varchar', 'numeric', 'timestamptz', 'int'])
})

test('what is accepted of a type, PostgreSQL accepts', async () => {
  await using database = await testDatabase()
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  let accepted = 0
  try {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...types), likely, async (type, text) => {
        const value = read(type, text)
        if (value === undefined) return
        accepted++
        const { rows } = await client.query(`select $1::${comparedType(type)} = $2 as same`, [value, value])
        assert.deepEqual(rows, [{ same: true }])
      }),
      { numRuns: 1_500 }
    )
  } finally {
    await client.end()
  }
  assert.ok(accepted > 150, `${accepted}`)
})
