import pg from 'pg'
import { migrate } from './migrate.ts'

/**
 * A process that migrates: `URL SCHEMA DIRECTORY` as arguments, the result or the error's code as its
 * message.
 */
const [connectionString, schema = '', directory = ''] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString, application_name: `migrator ${process.pid}` })
pool.on('error', () => {})
try {
  process.send?.(await migrate({ pool, schema, directory: new URL(directory) }))
} catch (error) {
  process.send?.({ error: String(error) })
} finally {
  await pool.end()
}
