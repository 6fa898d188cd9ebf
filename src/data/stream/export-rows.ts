import type { Readable } from 'node:stream'
import type { FieldDef, Pool, PoolClient } from 'pg'
import { currentContext } from '../../kernel/index.ts'
import { formOf, isNested } from './column-form.ts'
import { copyOut } from './copy-out.ts'
import { StreamQueryError } from './errors.ts'
import { inlineValues } from './inline-values.ts'
import { JsonRows } from './json-rows.ts'
import { PlainRows, type RowWriter } from './row-writer.ts'

/** One query; `$1` and so on stand for its values. */
export interface StreamQuery {
  readonly text: string
  readonly values?: readonly unknown[]
}

export interface ExportOptions {
  /** Lines of JSON, one a row; or CSV (RFC 4180) with a line of names. */
  readonly format: 'ndjson' | 'csv'
}

/** The media types of the formats, for `Content-Type`. */
export const exportTypes = {
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8; header=present',
} as const

/**
 * All rows of a query as bytes, ready to be sent: in constant memory, as fast as PostgreSQL's own `COPY` or nearly so,
 * of one snapshot, and no faster than they are read.
 *
 * In NDJSON, numbers are written with all their digits, timestamps as ISO 8601 with microseconds, arrays and composites as
 * JSON; NaN and Infinity as text, since JSON has neither. In CSV all is as PostgreSQL writes it; NULL is an empty field.
 *
 * The stream holds a connection until it ends. It is destroyed when the deadline of its context passes or its caller
 * leaves, and then takes the connection with it; PostgreSQL notices within a second, also when no row is ready.
 * When the query fails after some rows were sent, the stream errs: over HTTP the answer breaks off, so that its client
 * can tell.
 *
 * @throws StreamQueryError for a query that is not one SELECT (or VALUES, TABLE, WITH), or, for NDJSON, whose columns
 *   share a name
 */
export async function exportRows (
  pool: Pool,
  { text, values = [] }: StreamQuery,
  { format }: ExportOptions
): Promise<Readable> {
  const inlined = inlineValues(text, values)
  const client = await pool.connect()
  try {
    // Checked by PostgreSQL as a query, with its values beside it, before it becomes part of another statement.
    const { fields } = await client.query({
      text: `select * from (\n${text.replace(/;\s*$/, '')}\n) as plimsoll_rows limit 0`,
      values: [...values],
    })
    const [copy, rows] = format === 'csv' ? csvOf(inlined) : jsonOf(inlined, fields)
    return stream(client, copy, rows)
  } catch (error) {
    client.release()
    throw error
  }
}

function stream (client: PoolClient, copy: string, rows: RowWriter): Readable {
  const context = currentContext()
  const remainingMs = context?.deadline.remainingMs() ?? Number.POSITIVE_INFINITY
  const timeoutMs = Number.isFinite(remainingMs) ? Math.max(1, Math.ceil(remainingMs)) : 0
  const sql = [
    'begin read only',
    // Whatever the session or its role prefer: what is written has to mean one thing.
    "set local datestyle to 'ISO'",
    'set local extra_float_digits to 1',
    "set local bytea_output to 'hex'",
    'set local client_connection_check_interval to 1000',
    `set local statement_timeout to ${timeoutMs}`,
    copy,
    'commit',
  ].join(';\n')
  const signal = context?.signal
  const readable = copyOut(client, sql, rows, (error) => {
    signal?.removeEventListener('abort', abort)
    client.release(error)
  })
  function abort (): void {
    readable.destroy(signal?.reason instanceof Error ? signal.reason : undefined)
  }
  signal?.addEventListener('abort', abort, { once: true })
  return readable
}

function csvOf (query: string): readonly [copy: string, rows: RowWriter] {
  return [`copy (\n${query}\n) to stdout with (format csv, header true)`, new PlainRows()]
}

function jsonOf (query: string, fields: readonly FieldDef[]): readonly [copy: string, rows: RowWriter] {
  const names = fields.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined)
    throw new StreamQueryError(`two columns are named "${twice}"; give each a name of its own (AS)`)
  const rows = new JsonRows(fields.map(({ name, dataTypeID }) => ({ name, form: formOf(dataTypeID) })))
  if (!fields.some(({ dataTypeID }) => isNested(dataTypeID))) return [`copy (\n${query}\n) to stdout`, rows]
  const list = fields.map(({ name, dataTypeID }) => {
    const column = `"${name.replaceAll('"', '""')}"`
    return isNested(dataTypeID) ? `to_json(${column})` : column
  })
  return [`copy (select ${list.join(', ')} from (\n${query}\n) as plimsoll_rows) to stdout`, rows]
}
