import type { PoolClient } from 'pg'
import { type StatementText, valuesOf } from './statement.ts'

/** The parts of a query config that change nothing about how it may be sent. */
interface QueryParts {
  readonly rowMode?: unknown
  readonly types?: unknown
  readonly binary?: unknown
  readonly query_timeout?: unknown
}

/**
 * Whether a statement may be sent under a name: it has none of its own, and asks for nothing that `pg` does
 * differently for prepared statements.
 */
export function isNameable (text: StatementText, values: unknown): boolean {
  if (typeof text === 'string') return values === undefined || values === null || Array.isArray(values)
  const { name, rows, portal, queryMode } = text as Readonly<Record<string, unknown>>
  return name === undefined && rows === undefined && portal === undefined && queryMode === undefined &&
    (values ?? text.values ?? undefined) === valuesOf(text, values)
}

/** A query object as `pg` makes it of a text and values; what is missing is set before it is sent. */
interface PgQuery {
  name?: string
}

type QueryClass = new(text: string, values: unknown, callback: unknown) => PgQuery

/**
 * The same statement under a name, as arguments of `client.query`. For a text it is the object that `pg` would make,
 * made here: from a config, `pg` would make a copy, property by property, which costs more than all else.
 */
export function withName (
  client: PoolClient,
  name: string,
  statement: { readonly sql: string; readonly text: StatementText; readonly values: unknown },
  callback: (error: unknown, result?: unknown) => void
): readonly [unknown, undefined?, unknown?] {
  const { sql, text } = statement
  const values = valuesOf(text, statement.values)
  const { Query } = client.constructor as { readonly Query?: QueryClass }
  if (typeof text === 'string' && Query !== undefined) {
    const query = new Query(sql, values, callback)
    query.name = name
    return [query]
  }
  const { rowMode, types, binary, query_timeout } = text as QueryParts
  return [{ name, text: sql, values, rowMode, types, binary, query_timeout }, undefined, callback]
}
