// A worker of the benchmark: node worker-main.ts PRIMARY-URL REPLICA-URL. It reads as the header `x-router` says, and
// tells with GET /routed where its routed reads went.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { openPool } from '../../src/data/index.ts'
import { workWith } from '../../src/data/pool/pool.fixture.ts'
import {
  consistencyHeader,
  consistencyTokenIn,
  openReads,
  WriteNotes,
} from '../../src/data/replicas/index.ts'
import { countsOf } from '../../src/data/replicas/reads.fixture.ts'
import { Deadline } from '../../src/kernel/index.ts'
import { MetricsRegistry } from '../../src/telemetry/index.ts'

const [primaryUrl = '', replicaUrl = ''] = process.argv.slice(2)
const notes = new WriteNotes()
const registry = new MetricsRegistry()
const data = openPool({ connectionString: primaryUrl, max: 8, observers: [notes] })
const replica = openPool({ connectionString: replicaUrl, max: 8 })
const reads = await openReads({
  primary: data,
  notes,
  replicas: [{ name: 'replica', pool: replica }],
  registry,
  secrets: ['only for this benchmark'],
})
const routers: Readonly<Record<string, pg.Pool>> = { plimsoll: reads, primary: data, replica }

async function answer (request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, client = '', version] = (request.url ?? '').split('/')
  if (client === 'routed') {
    response.end(JSON.stringify(countsOf(registry, 'plimsoll_data_reads_total')))
    return
  }
  const router = String(request.headers['x-router'])
  const { context, run, settle } = workWith(Deadline.in(5_000))
  if (router === 'plimsoll') reads.withConsistency(consistencyTokenIn(request.headers), context)
  try {
    const shown = await run(() =>
      request.method === 'PUT' ?
        write(Number(client), Number(version)) :
        read(routers[router]!, Number(client))
    )
    const token = router === 'plimsoll' ? await reads.consistencyToken(context) : undefined
    if (token !== undefined) response.setHeader(consistencyHeader, token)
    response.end(String(shown))
  } catch (error) {
    response.statusCode = 500
    response.end(String(error))
  } finally {
    settle()
  }
}

async function write (client: number, version: number): Promise<number> {
  await data.query('INSERT INTO note VALUES ($1, $2) ON CONFLICT (client) DO UPDATE SET version = $2', [
    client,
    version,
  ])
  return version
}

async function read (pool: pg.Pool, client: number): Promise<number> {
  const { rows: [row] } = await pool.query<{ version: number }>(
    'SELECT version FROM note WHERE client = $1',
    [client]
  )
  return row?.version ?? 0
}

const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1')
await once(server, 'listening')
console.log(`listening 127.0.0.1:${(server.address() as AddressInfo).port}`)
process.on('SIGTERM', () => process.exit())
