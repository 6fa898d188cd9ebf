import { createHash } from 'node:crypto'
import pg from 'pg'
import postgres from 'postgres'
import { openPool } from '../../src/data/pool/index.ts'
import { statementWatch } from '../../src/data/watch/index.ts'
import { MetricsRegistry } from '../../src/telemetry/index.ts'
import { queries, type QueryName } from './queries.ts'

/** Who reads, each with as many connections. */
export const readerNames = ['pg, named', 'postgres.js', 'Plimsoll'] as const

export type ReaderName = (typeof readerNames)[number]

export const connections = 10

/** Runs one query. @returns how many rows there were */
export type Reader = (query: QueryName, id: number) => Promise<number>

export interface OpenReader {
  readonly read: Reader
  close(): Promise<unknown>
}

export function openReader (name: ReaderName, url: string): OpenReader {
  if (name === 'pg, named') return handWritten(url)
  return name === 'postgres.js' ? postgresJs(url) : plimsoll(url)
}

/** What a careful author writes with `pg`: each statement has a name, so that it is planned once a connection. */
function handWritten (url: string): OpenReader {
  const pool = new pg.Pool({ connectionString: url, max: connections })
  const names = new Map(
    Object.entries(queries).map(([query, text]) => [
      query,
      createHash('sha256').update(text).digest('hex').slice(0, 16),
    ])
  )
  return {
    async read (query, id) {
      const { rows } = await pool.query({ name: names.get(query)!, text: queries[query], values: [id] })
      return rows.length
    },
    close: () => pool.end(),
  }
}

function postgresJs (url: string): OpenReader {
  const { hostname, port, pathname, username, password, searchParams } = new URL(url)
  const directory = searchParams.get('host')
  const sql = postgres({
    ...(directory === null ? { host: hostname } : { path: `${directory}/.s.PGSQL.${port}` }),
    port: Number(port),
    database: pathname.slice(1),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
    max: connections,
  })
  return {
    async read (query, id) {
      const rows = query === 'point read' ?
        await sql`SELECT id, name, price, made FROM product WHERE id = ${id}` :
        await sql`SELECT p.id, p.name, p.price, p.made, c.name AS category FROM product p
            JOIN category c ON c.id = p.category_id WHERE p.id > ${id} ORDER BY p.id LIMIT 20`
      return rows.length
    },
    close: () => sql.end(),
  }
}

/** Plain text and values: what is repeated is prepared by the pool. Metrics are on, and N+1 detection as in production. */
function plimsoll (url: string): OpenReader {
  const registry = new MetricsRegistry()
  const pool = openPool({
    connectionString: url,
    max: connections,
    registry,
    observers: [statementWatch({ mode: 'sample', registry })],
  })
  return {
    read: async (query, id) => (await pool.query(queries[query], [id])).rows.length,
    close: () => pool.end(),
  }
}
