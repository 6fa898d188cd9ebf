import { ExportKeyError } from './errors.ts'
import type { RowCounter } from './row-counter.ts'

/** What `JSON.parse` tells about a value beside it, which the library's types do not know yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

/** Numbers as they are written: those of PostgreSQL have more digits than those of JavaScript. */
const asWritten: Reviver = (_key, value, { source }) => typeof value === 'number' ? source : value

/**
 * The key of the last row that was counted, as texts that PostgreSQL reads as the same values.
 *
 * @throws ExportKeyError where a column is missing, NULL, or no plain value
 */
export function lastKey (name: string, counter: RowCounter, columns: readonly string[]): readonly string[] {
  const { last, header } = counter
  const values = header === undefined ? jsonValues(last) : csvValues(last, header)
  return columns.map((column) => {
    const value = values.get(column)
    if (value === undefined || value === null || typeof value === 'object') {
      const what = value === undefined ? 'is not selected' : value === null ? 'is NULL' : 'is no plain value'
      throw new ExportKeyError(name, `its column "${column}" ${what}`)
    }
    return String(value)
  })
}

function jsonValues (row: Buffer): ReadonlyMap<string, unknown> {
  const parse = JSON.parse as (text: string, reviver: Reviver) => Readonly<Record<string, unknown>>
  return new Map(Object.entries(parse(row.toString(), asWritten)))
}

function csvValues (row: Buffer, header: Buffer): ReadonlyMap<string, string | null> {
  const values = fieldsOf(row.toString())
  // A name in quotes is read like a value in quotes; PostgreSQL has none that is empty.
  return new Map(fieldsOf(header.toString()).map((name, at) => [name ?? '', values[at] ?? null]))
}

const field = /(?:"((?:[^"]|"")*)"|([^,"]*))(?:,|$)/gy

/** @see https://www.rfc-editor.org/rfc/rfc4180#section-2 */
function fieldsOf (row: string): readonly (string | null)[] {
  const fields: (string | null)[] = []
  field.lastIndex = 0
  for (let found = field.exec(row); found !== null; found = field.exec(row)) {
    const [whole, quoted, plain = ''] = found
    fields.push(quoted?.replaceAll('""', '"') ?? (plain === '' ? null : plain))
    if (!whole.endsWith(',')) break
  }
  return fields
}
