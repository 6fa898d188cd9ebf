import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { TLSSocket } from 'node:tls'
import { generate } from 'selfsigned'
import { systemClock } from '../../kernel/index.ts'
import { type CancelTarget, sendCancelRequest } from './cancel-request.ts'

const options = { clock: systemClock, limitMs: 2_000 }
const key = { processId: 4_711, secretKey: -2 }

function targetAt (port: number, given: Partial<CancelTarget> = {}): CancelTarget {
  return { host: '127.0.0.1', port, address: undefined, ssl: false, directTls: false, ...key, ...given }
}

/** A server that treats each connection as it is told. */
async function serverThat (
  treat: (socket: Socket) => void
): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    treat(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose] () {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const cancelBytes = '0000001004d2162e00001267fffffffe'
const tlsBytes = '0000000804d2162f'

test('the request holds the code, the process and the key; it counts once the server has closed', async () => {
  let got = ''
  await using server = await serverThat((socket) =>
    socket.on('data', (bytes) => {
      got += bytes.toString('hex')
      socket.end()
    })
  )
  assert.equal(await sendCancelRequest(targetAt(server.port), options), 'processed')
  assert.equal(got, cancelBytes)
})

test('over TLS the request goes only once the connection is secure', async () => {
  const { private: privateKey, cert } = await generate([{ name: 'commonName', value: 'localhost' }])
  for (const directTls of [false, true]) {
    const got: string[] = []
    const speakTls = (socket: Socket): void => {
      const secured = new TLSSocket(socket, {
        isServer: true,
        key: privateKey,
        cert,
        ALPNProtocols: ['postgresql'],
      })
      secured.on('error', () => {})
      secured.on('data', (bytes) => {
        got.push(bytes.toString('hex'))
        secured.end()
      })
    }
    await using server = await serverThat((socket) => {
      if (directTls) return speakTls(socket)
      socket.once('data', (bytes) => {
        got.push(bytes.toString('hex'))
        socket.write('S')
        speakTls(socket)
      })
    })
    const target = targetAt(server.port, { ssl: { rejectUnauthorized: false }, directTls })
    assert.equal(await sendCancelRequest(target, options), 'processed')
    assert.deepEqual(got, directTls ? [cancelBytes] : [tlsBytes, cancelBytes])
  }
})

test('a request that never left cannot come late: nobody listens, TLS is refused or not trusted', async () => {
  await using refuses = await serverThat((socket) => socket.write('N'))
  await using plain = await serverThat((socket) => {
    socket.once('data', () => socket.end('S'))
  })
  const targets = [targetAt(1), targetAt(refuses.port, { ssl: true }), targetAt(plain.port, { ssl: true })]
  for (const target of targets) assert.equal(await sendCancelRequest(target, options), 'not_sent')
})

test('a request that the server does not confirm in time is in doubt', async () => {
  await using silent = await serverThat((socket) => socket.resume())
  assert.equal(await sendCancelRequest(targetAt(silent.port), { ...options, limitMs: 50 }), 'in_doubt')
})

test('a server that resets the connection has read the request', async () => {
  await using server = await serverThat((socket) => socket.on('data', () => socket.resetAndDestroy()))
  assert.equal(await sendCancelRequest(targetAt(server.port), options), 'processed')
})

test('a UNIX socket is found as pg finds it, and the address of the session before its name', async () => {
  const nowhere = targetAt(5_432, { host: '/nowhere' })
  assert.equal(await sendCancelRequest(nowhere, options), 'not_sent')
  await using server = await serverThat((socket) => socket.on('data', () => socket.end()))
  const moved = targetAt(server.port, { host: 'moved.invalid', address: '127.0.0.1' })
  assert.equal(await sendCancelRequest(moved, options), 'processed')
})
