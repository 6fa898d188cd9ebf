/** The ceiling: an insert, and a delete with SKIP LOCKED in batches. No retries, no leases: at most once. */
import pg from 'pg'
// @ts-expect-error plain JavaScript, since the peers, which are not type-checked, use it too
import { serveSubject } from '../peers/jobs-subject.js'
import type { Payload, Subject, Urls, Work } from './subject.ts'

const insert = 'INSERT INTO hand_written (payload) VALUES ($1)'
const insertMany = 'INSERT INTO hand_written (payload) SELECT unnest($1::jsonb[])'
const take = `DELETE FROM hand_written WHERE id = ANY (ARRAY (
  SELECT id FROM hand_written ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
)) RETURNING id, payload`

async function open ({ databaseUrl }: Urls): Promise<Subject> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 20 })
  pool.on('error', () => {})
  await pool.query(
    'CREATE TABLE IF NOT EXISTS hand_written (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb)'
  )
  async function work ({ tuned, onJob }: Work): Promise<() => Promise<void>> {
    const over = new AbortController()
    const loops = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) {
        const values = [tuned ? 500 : 1]
        const { rows } = await pool.query<{ payload: Payload }>({ name: 'take', text: take, values })
        for (const { payload } of rows) onJob(payload)
        if (rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })
    return async () => {
      over.abort()
      await Promise.all(loops)
    }
  }
  return {
    enqueue: (payload) => pool.query({ name: 'insert', text: insert, values: [JSON.stringify(payload)] }),
    enqueueMany: (payloads) =>
      pool.query({
        name: 'many',
        text: insertMany,
        values: [payloads.map((payload) => JSON.stringify(payload))],
      }),
    work,
    close: () => pool.end(),
  }
}

serveSubject(open)
