import { StreamQueryError } from './errors.ts'

/**
 * A value as an SQL literal of no type, as a parameter is one, in parentheses so that it joins nothing beside it.
 *
 * Text is quoted as PostgreSQL reads it whatever `standard_conforming_strings` is.
 *
 * @throws StreamQueryError for a value that PostgreSQL cannot hold
 */
export function literalOf (value: unknown): string {
  const text = textOf(value)
  return text === undefined ? '(NULL)' : `(${quoted(text)})`
}

/** @see https://www.postgresql.org/docs/18/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-ESCAPE */
function quoted (text: string): string {
  // In a message it would end the statement, and what follows would be another one.
  if (text.includes('\0'))
    throw new StreamQueryError('a parameter contains a NUL character, which no text in PostgreSQL can')
  const doubled = text.replaceAll("'", "''")
  return doubled.includes('\\') ? ` E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`
}

/** The text by which PostgreSQL takes a value in; undefined for NULL. */
function textOf (value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array)
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}`
  if (Array.isArray(value)) return arrayText(value)
  if (typeof value === 'object') return JSON.stringify(value)
  return String(value)
}

/** @see https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO */
function arrayText (values: readonly unknown[]): string {
  const items = values.map((value) => {
    if (Array.isArray(value)) return arrayText(value)
    const text = textOf(value)
    return text === undefined ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`
  })
  return `{${items.join(',')}}`
}
