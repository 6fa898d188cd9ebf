// One way to send all rows of a table over HTTP. Arguments: its name, the database's URL.
import Fastify from 'fastify'
import { Readable } from 'node:stream'
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import { exportRows, openPool, readRows } from '../../src/data/index.ts'
import { MetricsRegistry } from '../../src/telemetry/index.ts'
import { listen } from '../floor/listen.ts'
import { allRows, type StreamSubject } from './subjects.ts'

const [name = '', url = ''] = process.argv.slice(2)
const pool = openPool({ connectionString: url, max: 2, registry: new MetricsRegistry() })
const plain = new pg.Pool({ connectionString: url, max: 2 })

async function* cursorLines (): AsyncGenerator<string> {
  const client = await plain.connect()
  const cursor = client.query(new Cursor(allRows))
  try {
    for (let rows = await cursor.read(1_000); rows.length > 0; rows = await cursor.read(1_000))
      yield linesOf(rows)
  } finally {
    await cursor.close()
    client.release()
  }
}

async function* readLines (): AsyncGenerator<string> {
  let rows: object[] = []
  for await (const row of readRows(pool, { text: allRows })) {
    if (rows.push(row) < 1_000) continue
    yield linesOf(rows)
    rows = []
  }
  yield linesOf(rows)
}

function linesOf (rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

const streams: Readonly<Record<StreamSubject, () => Readable | Promise<Readable>>> = {
  'COPY, piped': async () => {
    const client = await plain.connect()
    const stream = client.query(copyTo(`copy (${allRows}) to stdout`))
    stream.once('close', () => client.release())
    return stream
  },
  'Plimsoll, CSV': () => exportRows(pool, { text: allRows }, { format: 'csv' }),
  'Plimsoll, NDJSON': () => exportRows(pool, { text: allRows }, { format: 'ndjson' }),
  'Plimsoll, row by row': () => Readable.from(readLines()),
  'pg-cursor, JSON.stringify': () => Readable.from(cursorLines()),
}

const app = Fastify()
app.get(
  '/rows',
  async (_request, reply) => reply.type('text/plain').send(await streams[name as StreamSubject]())
)
await listen(app)
