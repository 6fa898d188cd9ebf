import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { connect, type SecureVersion } from 'node:tls'
import { generate } from 'selfsigned'
import { Running } from './running.fixture.ts'

const module = `
export default async function service (app) {
  app.get('/', async () => process.pid)
}
`

interface Visit {
  readonly pid: string
  readonly reused: boolean
  /** The latest that the server gave; it comes with the answer, and not on every connection. */
  readonly session: Buffer | undefined
}

/** One connection with one request, beginning with the session of an earlier one. */
async function visit (port: number, version: SecureVersion, before?: Buffer): Promise<Visit> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    maxVersion: version,
    session: before,
  })
  let session: Buffer | undefined
  socket.on('session', (given: Buffer) => {
    session = given
  })
  await once(socket, 'secureConnect')
  const reused = socket.isSessionReused()
  socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  const answer = await text(socket)
  return { pid: answer.split('\r\n').at(-1) ?? '', reused, session }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a ${version} session resumes on any worker, and on those of the next generation`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'plimsoll-tls-'))
    const pems = await generate([{ name: 'commonName', value: 'localhost' }], { algorithm: 'sha256' })
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
    await writeFile(key, pems.private)
    await writeFile(cert, pems.cert)
    // Dealt out in turn, so that the next connection reaches the other worker.
    const flags = { 'tls-key': key, 'tls-cert': cert, 'accept-mode': 'round-robin' }
    await using running = new Running({ module, service: true, flags })
    const { port } = await running.origin()
    await running.event('booted')

    const first = await visit(Number(port), version)
    assert.equal(first.reused, false)
    const pids = new Set([first.pid])
    async function visitAll (count: number): Promise<void> {
      for (let visits = 0; visits < count; visits++) {
        const next = await visit(Number(port), version, first.session)
        assert.equal(next.reused, true, `visit ${visits + 1}, to ${next.pid}`)
        pids.add(next.pid)
      }
    }
    await visitAll(4)
    assert.equal(pids.size, 2)
    running.signal('SIGHUP')
    await running.event('worker-drained', { count: 2 })
    await visitAll(4)
    assert.equal(pids.size, 4)
    await rm(directory, { recursive: true })
  })
}
