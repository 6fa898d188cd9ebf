import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { keySet } from './key-source.ts'
import { signingKey, verificationKey } from './key.ts'
import { signRequest } from './sign-request.ts'
import { FieldLines, type IncomingHead, type SignedRequest, signedRequestOf } from './signed-request.ts'
import { SignatureVerifier } from './verifier.ts'

const material = { id: 'shared', secret: 'x'.repeat(32) }
const key = signingKey(material)
const verifier = new SignatureVerifier({ keys: keySet([verificationKey(material)]) })

/** What a server makes of one request over HTTP/1.1, sent by Node's own client. */
async function overHttp1 (
  method: string,
  body: string | undefined,
  chunked = false
): Promise<SignedRequest & { readonly outcome: string }> {
  let seen: SignedRequest | undefined
  const server = createServer((message, response) => {
    seen = signedRequestOf(message, 'http')
    message.resume().on('end', () => response.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/a%20b/../c?x=1&y=%20`
  const signed = signRequest({ method, url, key, ...(body === undefined ? {} : { body }) })
  const sent = request(url, {
    method,
    path: new URL(url).pathname + new URL(url).search,
    headers: {
      ...signed,
      ...(body === undefined || chunked ? {} : { 'content-length': Buffer.byteLength(body) }),
    },
  })
  sent.end(body)
  const [response] = await once(sent, 'response')
  response.resume()
  server.close()
  server.closeAllConnections()
  assert.ok(seen)
  return { ...seen, outcome: outcomeOf(seen) }
}

function outcomeOf (seen: SignedRequest): string {
  const verification = verifier.verify(seen)
  assert.ok(!(verification instanceof Promise))
  return verification.verified ? 'verified' : verification.reason
}

test('over HTTP/1.1 a signed request verifies as it was sent, with and without a body, chunked too', async () => {
  assert.equal((await overHttp1('GET', undefined)).outcome, 'verified')
  const sized = await overHttp1('POST', 'body')
  assert.deepEqual([sized.outcome, sized.hasBody], ['verified', true])
  const chunked = await overHttp1('POST', 'body', true)
  assert.deepEqual([chunked.outcome, chunked.hasBody], ['verified', true])
  assert.equal((await overHttp1('POST', '')).hasBody, false)
})

test('over HTTP/2 a body needs no length: it is a body all the same, and asks for a digest', async () => {
  const seen: SignedRequest[] = []
  const server = createHttp2Server((message, response) => {
    seen.push(signedRequestOf(message as unknown as IncomingHead, 'http'))
    message.resume()
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const session = connect(origin)
  const unsignedBody = signRequest({ method: 'POST', url: `${origin}/x`, key })
  const signedBody = signRequest({ method: 'POST', url: `${origin}/x`, key, body: 'body' })
  for (
    const [headers, body] of [[unsignedBody, undefined], [unsignedBody, 'body'], [
      signedBody,
      'body',
    ]] as const
  ) {
    const stream = session.request({ ':method': 'POST', ':path': '/x', ...headers }, {
      endStream: body === undefined,
    })
    if (body !== undefined) stream.end(body)
    stream.resume()
    await once(stream, 'close')
  }
  session.close()
  server.close()
  assert.deepEqual(seen.map(({ hasBody }) => hasBody), [false, true, true])
  assert.deepEqual(seen.map(outcomeOf), ['verified', 'digest-missing', 'verified'])
})

test('names are found whatever their case, folded lines are one, crumbs of a cookie too', () => {
  const fields = new FieldLines([
    'X-A',
    ' one\r\n two ',
    'x-a',
    'three',
    'Cookie',
    'a=1',
    'cookie',
    'b=2',
    'odd',
  ])
  assert.equal(fields.value('x-a'), 'one two, three')
  assert.equal(fields.value('cookie'), 'a=1; b=2')
  assert.equal(fields.value('odd'), undefined)
})
