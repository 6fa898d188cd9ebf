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
  const { name, rows, portal, queryMode, types } = text as Readonly<Record<string, unknown>>
  return name === undefined && rows === undefined && portal === undefined && queryMode === undefined &&
    !Array.isArray(types) && (values ?? text.values ?? undefined) === valuesOf(text, values)
}

/** The same statement under a name. */
export function withName (name: string, sql: string, text: StatementText, values: unknown): object {
  const named = { name, text: sql, values: valuesOf(text, values) }
  if (typeof text === 'string') return named
  const { rowMode, types, binary, query_timeout } = text as QueryParts
  return { ...named, rowMode, types, binary, query_timeout }
}
