import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect, type SecureVersion, type TLSSocket } from 'node:tls'
import { generate } from 'selfsigned'
import { listening, waitUntil } from './listening.fixture.ts'
import { get, rawClient, rawClientOn } from './raw-client.fixture.ts'
import { readTlsFiles } from './tls-files.ts'

const timeout = 60_000
let directory: string
let pair: { key: string; cert: string }

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'listen-'))
  pair = await newPair()
})
after(() => rm(directory, { recursive: true }))

async function newPair (): Promise<{ key: string; cert: string }> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  return { key, cert }
}

async function write (name: string, text: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, text)
  return path
}

interface TlsServer extends AsyncDisposable {
  readonly port: number
  readonly process: ChildProcess
}

/** A server in a process of its own. */
async function startServer (ticketKeys: Buffer): Promise<TlsServer> {
  const plan = JSON.stringify({ ...pair, ticketKeys: ticketKeys.toString('hex') })
  const process = fork(new URL('./tls-server.fixture.ts', import.meta.url), [plan])
  const [port] = await once(process, 'message') as [number]
  return {
    port,
    process,
    async [Symbol.asyncDispose] () {
      process.kill('SIGKILL')
      await once(process, 'exit')
    },
  }
}

/** Makes one request; the ticket of TLS 1.3 comes with the answer. */
async function visit (port: number, version: SecureVersion, session?: Buffer) {
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: pair.cert,
    servername: 'localhost',
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
  })
  const tickets: Buffer[] = []
  socket.on('session', (ticket) => tickets.push(ticket))
  await once(socket, 'secureConnect')
  await using client = rawClientOn(socket)
  client.send(get('/', 'Connection: close\r\n'))
  assert.match(await client.ended(), /served/)
  return { resumed: socket.isSessionReused(), ticket: tickets.at(-1) }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a ${version} session resumes in another process with the same ticket keys`, { timeout }, async () => {
    const keys = randomBytes(48)
    await using one = await startServer(keys)
    await using other = await startServer(keys)
    const first = await visit(one.port, version)
    assert.equal(first.resumed, false)
    assert.equal((await visit(other.port, version, first.ticket)).resumed, true)
  })

  test(`a ${version} ticket of other keys is answered with a full handshake`, { timeout }, async () => {
    await using one = await startServer(randomBytes(48))
    await using other = await startServer(randomBytes(48))
    const { ticket } = await visit(one.port, version)
    assert.equal((await visit(other.port, version, ticket)).resumed, false)
  })

  test(
    `after a rotation in both processes, new ${version} tickets resume and old ones do not`,
    { timeout },
    async () => {
      const keys = randomBytes(48)
      await using one = await startServer(keys)
      await using other = await startServer(keys)
      const old = await visit(one.port, version)
      const next = randomBytes(48).toString('hex')
      for (const server of [one, other]) {
        server.process.send(next)
        await once(server.process, 'message')
      }
      assert.equal((await visit(other.port, version, old.ticket)).resumed, false)
      const renewed = await visit(one.port, version)
      assert.equal((await visit(other.port, version, renewed.ticket)).resumed, true)
    }
  )
}

test(
  'a TLS client that keeps its connection gets its last answer, and a silent one a clean end',
  { timeout },
  async () => {
    await using server = await listening((_request, response) => response.end('served'), { tls: pair })
    await using busy = rawClientOn(await secure(server.port))
    await using silent = rawClientOn(await secure(server.port))
    busy.send(get('/'))
    await busy.until((text) => text.endsWith('served'))
    const drained = server.listener.drain({ graceMs: 10_000, idleMs: 300 })
    busy.send(get('/'))
    assert.match(await busy.ended(), /Connection: close[^]*served/)
    assert.equal(await silent.ended(), '')
    assert.deepEqual({ ...await drained, durationMs: 0 }, { closed: 'all', cut: 0, idle: 1, durationMs: 0 })
  }
)

test('what a client sends that does not speak TLS harms nobody', { timeout }, async () => {
  await using server = await listening((_request, response) => response.end('served'), { tls: pair })
  await using client = await rawClient({ port: server.port })
  client.send(get('/'))
  await client.ended().catch(() => {})
  await waitUntil(() => server.listener.connections() === 0)
  await using other = rawClientOn(await secure(server.port))
  other.send(get('/'))
  await other.until((text) => text.endsWith('served'))
})

async function secure (port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca: pair.cert, servername: 'localhost' })
  await once(socket, 'secureConnect')
  return socket
}

test('a TLS file that is missing is named with its setting', async () => {
  const key = await write('key.pem', pair.key)
  const cert = join(directory, 'missing.pem')
  await assert.rejects(readTlsFiles({ key, cert }), {
    code: 'SETTING_INVALID',
    setting: 'tls.cert',
    message: `tls.cert must be the path of a readable file (ENOENT), got "${cert}"`,
  })
})

test('a certificate of another key is refused, and so is what is no PEM', async () => {
  const other = await newPair()
  const key = await write('key.pem', pair.key)
  const cert = await write('other.pem', other.cert)
  const junk = await write('junk.pem', 'junk')
  await assert.rejects(readTlsFiles({ key, cert }), {
    setting: 'tls.cert',
    message: `tls.cert must be the certificate of the key in tls.key, got "${cert}"`,
  })
  await assert.rejects(readTlsFiles({ key: junk, cert }), { setting: 'tls.key' })
  await assert.rejects(readTlsFiles({ key, cert: junk }), { setting: 'tls.cert' })
  assert.deepEqual(await readTlsFiles({ key, cert: await write('cert.pem', pair.cert) }), {
    key: Buffer.from(pair.key),
    cert: Buffer.from(pair.cert),
  })
})

test('ticket keys that are not 48 bytes are refused without being shown', async () => {
  await using server = await listening(() => {}, { tls: pair })
  assert.throws(() => server.listener.setTicketKeys(Buffer.alloc(32)), {
    setting: 'tls.ticketKeys',
    message: 'tls.ticketKeys must be 48 bytes, got "32 bytes"',
  })
})
