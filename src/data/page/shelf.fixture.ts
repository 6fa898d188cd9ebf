import fc from 'fast-check'
import type { Pool } from 'pg'
import { type CursorKeys, cursorKeys } from './cursor-keys.ts'
import type { KeysetColumn } from './order.ts'

export const keys: CursorKeys = cursorKeys(['a secret that only the tests of pages know'])

/** A row as PostgreSQL is given it: text wherever JavaScript would lose something. */
export interface ShelfRow {
  readonly id: number
  readonly moment: string | null
  readonly amount: string | null
  readonly large: string | null
  readonly tag: string | null
  readonly word: string | null
  readonly name: string | null
  readonly ratio: string | null
  readonly day: string
  readonly flag: boolean
}

export const shelfTable = `create table shelf (
  id int primary key, moment timestamptz, amount numeric, large bigint, tag uuid, word text collate "C",
  name text collate "und-x-icu", ratio float8, day date not null, flag boolean not null)`

/** Few values each, so that ties are common; neighbours that only exact reading tells apart. */
const values = {
  moment: [
    '2026-01-01 00:00:00.000001+00',
    '2026-01-01 00:00:00.000002+00',
    '2026-01-01 00:00:00.001+00',
    'infinity',
  ],
  amount: ['-0.1', '0.1', '0.10000000000000000000001', '12345678901234567890.5'],
  large: ['-9007199254740993', '9007199254740992', '9007199254740993', '9223372036854775807'],
  tag: [
    '00000000-0000-4000-8000-00000000000a',
    '00000000-0000-4000-8000-00000000000b',
    'ffffffff-0000-4000-8000-000000000000',
  ],
  word: ['', 'a', 'B', 'Zebra', 'ä', '"; drop', 'a\\\n'],
  name: ['a', 'A', 'b', 'ä', 'Zebra', 'z'],
  ratio: ['-Infinity', '0.1', '0.30000000000000004', '1e300', 'NaN'],
  day: ['2026-02-28', '2026-03-01', '0001-01-01'],
  flag: [true, false],
} as const

const nullable = <Value>(all: readonly Value[]): fc.Arbitrary<Value | null> =>
  fc.oneof(fc.constant(null), fc.constantFrom(...all))

export const shelfRow: fc.Arbitrary<Omit<ShelfRow, 'id'>> = fc.record({
  moment: nullable(values.moment),
  amount: nullable(values.amount),
  large: nullable(values.large),
  tag: nullable(values.tag),
  word: nullable(values.word),
  name: nullable(values.name),
  ratio: nullable(values.ratio),
  day: fc.constantFrom(...values.day),
  flag: fc.constantFrom(...values.flag),
})

/** The types of the columns, and how the model sorts each: by its place in this list, which is in order. */
const columnTypes: Readonly<
  Record<string, readonly [type: string, ascending: readonly (string | boolean)[]]>
> = {
  moment: ['timestamptz', values.moment],
  amount: ['numeric', values.amount],
  large: ['bigint', values.large],
  tag: ['uuid', values.tag],
  word: ['text', ['', '"; drop', 'B', 'Zebra', 'a', 'a\\\n', 'ä']],
  name: ['text', ['a', 'A', 'ä', 'b', 'z', 'Zebra']],
  ratio: ['float8', values.ratio],
  day: ['date', ['0001-01-01', '2026-02-28', '2026-03-01']],
  flag: ['boolean', [false, true]],
}

export interface SortPlan {
  readonly columns: readonly KeysetColumn[]
  readonly keyDirection: 'asc' | 'desc'
}

const direction = fc.constantFrom('asc' as const, 'desc' as const)

export const sortPlan: fc.Arbitrary<SortPlan> = fc.record({
  columns: fc.subarray(Object.keys(columnTypes), { maxLength: 3 })
    .chain((names) => fc.shuffledSubarray(names, { minLength: names.length }))
    .chain((names) => fc.tuple(...names.map(sortColumn))),
  keyDirection: direction,
})

function sortColumn (column: string): fc.Arbitrary<KeysetColumn> {
  const [type] = columnTypes[column]!
  const isNeverNull = column === 'day' || column === 'flag'
  return fc.record({
    column: fc.constant(column),
    type: fc.constant(type),
    direction,
    nulls: isNeverNull ? fc.constant('never' as const) : fc.constantFrom('first', 'last', undefined),
  }).map(({ nulls, ...rest }) => nulls === undefined ? rest : { ...rest, nulls })
}

/** The order as the documentation has it, worked out without SQL. */
export function inOrder (rows: readonly ShelfRow[], { columns, keyDirection }: SortPlan): ShelfRow[] {
  return rows.toSorted((a, b) => {
    for (const { column, direction, nulls } of columns) {
      const [left, right] = [rankOf(a, column), rankOf(b, column)]
      if (left === right) continue
      if (left === undefined || right === undefined) {
        const place = nulls ?? (direction === 'desc' ? 'first' : 'last')
        return (left === undefined) === (place === 'first') ? -1 : 1
      }
      return (left - right) * (direction === 'desc' ? -1 : 1)
    }
    return (a.id - b.id) * (keyDirection === 'desc' ? -1 : 1)
  })
}

function rankOf (row: ShelfRow, column: string): number | undefined {
  const value = row[column as keyof ShelfRow]
  return value === null ? undefined : columnTypes[column]![1].indexOf(value as string | boolean)
}

export async function insert (pool: Pool, rows: readonly ShelfRow[]): Promise<void> {
  await pool.query('insert into shelf select * from json_populate_recordset(null::shelf, $1)', [
    JSON.stringify(rows),
  ])
}
