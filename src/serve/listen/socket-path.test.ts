import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { listening } from './listening.fixture.ts'
import { get, rawClient } from './raw-client.fixture.ts'
import { prepareSocketPath, removeSocketPath } from './socket-path.ts'

interface Place extends AsyncDisposable {
  readonly path: string
}

async function place (): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'listen-'))
  return {
    path: join(directory, 'socket'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  }
}

async function listenAt (path: string): Promise<Server> {
  const server = createServer().listen(path)
  await once(server, 'listening')
  return server
}

/** A socket file whose process is gone: node removes the path it bound, so that one is moved away first. */
async function leaveStaleSocket (path: string): Promise<void> {
  const server = await listenAt(`${path}.bound`)
  await rename(`${path}.bound`, path)
  server.close()
  await once(server, 'close')
}

test('a UNIX socket is served with the mode asked for, and is gone after the drain', async () => {
  await using there = await place()
  const addresses = [{ kind: 'unix', path: there.path }] as const
  await using server = await listening((_request, response) => response.end('served'), {
    addresses,
    socketMode: '620',
  })
  assert.deepEqual(server.bound, addresses)
  assert.equal((await stat(there.path)).mode & 0o777, 0o620)
  await using client = await rawClient({ path: there.path })
  client.send(get('/', 'Connection: close\r\n'))
  assert.match(await client.ended(), /served/)
  await server.listener.drain({ graceMs: 1_000, idleMs: 10 })
  assert.equal(existsSync(there.path), false)
})

test('a socket that nobody listens at is replaced', async () => {
  await using there = await place()
  await leaveStaleSocket(there.path)
  await assert.rejects(rawClient({ path: there.path }), { code: 'ECONNREFUSED' })
  await using _server = await listening((_request, response) => response.end('served'), {
    addresses: [{ kind: 'unix', path: there.path }],
  })
  await using client = await rawClient({ path: there.path })
  client.send(get('/', 'Connection: close\r\n'))
  assert.match(await client.ended(), /served/)
})

test('a socket that somebody listens at is refused, and goes on', async () => {
  await using there = await place()
  const other = await listenAt(there.path)
  await assert.rejects(listening(() => {}, { addresses: [{ kind: 'unix', path: there.path }] }), {
    name: 'ListenError',
    code: 'SOCKET_IN_USE',
    message:
      `cannot listen at unix:${there.path}: another process listens there; stop it, or choose another path`,
  })
  await using _client = await rawClient({ path: there.path })
  other.close()
})

test('a path that is a regular file is refused, and the file stays', async () => {
  await using there = await place()
  await writeFile(there.path, 'precious')
  await assert.rejects(prepareSocketPath(there.path), { code: 'SOCKET_PATH_TAKEN' })
  await removeSocketPath(there.path)
  assert.equal(existsSync(there.path), true)
})

test('a path longer than the system takes is refused with both lengths', async () => {
  await assert.rejects(prepareSocketPath(`/tmp/${'x'.repeat(103)}`), {
    code: 'SOCKET_PATH_TOO_LONG',
    message: /takes 108 bytes, a socket's may take (107|103);/,
  })
})

test('a missing directory is named as such', async () => {
  await using there = await place()
  await assert.rejects(listening(() => {}, { addresses: [{ kind: 'unix', path: `${there.path}/no/x` }] }), {
    code: 'SOCKET_DIRECTORY_MISSING',
  })
})

test('removeSocketPath removes a socket left behind, and is content without one', async () => {
  await using there = await place()
  await leaveStaleSocket(there.path)
  await removeSocketPath(there.path)
  assert.equal(existsSync(there.path), false)
  await removeSocketPath(there.path)
})
