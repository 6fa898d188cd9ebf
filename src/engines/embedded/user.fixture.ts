import pg from 'pg'
import { embeddedPostgres } from './embedded-postgres.ts'

/**
 * A process that uses an embedded server: `DIRECTORY` and `idleMs` as its arguments. It reports its URL; on
 * `write` it inserts rows one by one, each in its own transaction, and reports each that is committed; on
 * `close` it closes.
 */
const [directory = '', idleMs = '60000'] = process.argv.slice(2)
const engine = embeddedPostgres({ directory, idleMs: Number(idleMs) })

async function write (url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  await client.query('CREATE TABLE IF NOT EXISTS written (id bigint PRIMARY KEY)')
  const { rows: [row] } = await client.query<{ next: number }>(
    'SELECT coalesce(max(id), 0)::int + 1 AS next FROM written'
  )
  for (let id = row?.next ?? 1;; id++) {
    await client.query('INSERT INTO written VALUES ($1)', [id])
    process.send?.({ committed: id })
  }
}

try {
  const { url } = await engine.connect()
  process.on('message', (message) => {
    if (message === 'write') write(url).catch((error: unknown) => process.send?.({ stopped: String(error) }))
    if (message === 'close')
      void engine.close().then(() => process.send?.({ closed: true }, () => process.exit()))
  })
  process.send?.({ url })
} catch (error) {
  process.send?.({ error: error instanceof Error ? error.message : String(error) })
}
