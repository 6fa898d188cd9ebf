import Fastify from 'fastify'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerClientError, openListener } from './index.ts'
import { get, rawClient } from './raw-client.fixture.ts'

test(
  'Fastify serves through a listener, refuses through it, and closes after its drain',
  { timeout: 60_000 },
  async () => {
    const listener = openListener({ addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }] })
    const app = Fastify({ serverFactory: listener.attach, clientErrorHandler: answerClientError })
    app.get('/', async () => 'served')
    await app.ready()
    const [bound] = await listener.listen()
    assert(bound?.kind === 'tcp')

    await using malformed = await rawClient({ port: bound.port })
    malformed.send('this is not HTTP\r\n\r\n')
    assert.match(await malformed.ended(), /^HTTP\/1.1 400 [^]*"code":"MALFORMED_REQUEST"}$/)

    await using client = await rawClient({ port: bound.port })
    client.send(get('/'))
    await client.until((text) => text.endsWith('served'))
    const drained = listener.drain({ graceMs: 5_000, idleMs: 1_000 })
    client.send(get('/'))
    assert.match(await client.ended(), /connection: close[^]*served/i)
    assert.equal((await drained).closed, 'all')
    await app.close()
  }
)
