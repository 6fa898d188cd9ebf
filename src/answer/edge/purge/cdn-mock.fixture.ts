import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { PurgeMode } from './edge-purger.ts'

/** A call that the mock has accepted. */
export interface AcceptedPurge {
  readonly keys: readonly string[]
  readonly mode: PurgeMode | 'all'
}

/**
 * NOT a CDN: a local server that answers as the purge APIs of Fastly and Cloudflare are documented to, and enforces
 * their limits. What only the real ones could show (that something is purged, and how fast) it cannot.
 */
export interface CdnMock extends AsyncDisposable {
  readonly url: string
  /** In the order of acceptance. */
  readonly accepted: readonly AcceptedPurge[]
  /** Calls that came, accepted or not. */
  readonly calls: readonly IncomingMessage[]
  /** Statuses for the next calls, before the mock decides by itself; 0 closes the connection. */
  readonly failures: { readonly status: number; readonly headers?: Record<string, string> }[]
  /** Calls that it still accepts before it answers 429. */
  tokens: number
}

export interface CdnMockOptions {
  readonly kind: 'fastly' | 'cloudflare'
  readonly token: string
}

export async function startCdnMock ({ kind, token }: CdnMockOptions): Promise<CdnMock> {
  const accepted: AcceptedPurge[] = []
  const calls: IncomingMessage[] = []
  const failures: CdnMock['failures'] = []
  const judge = kind === 'fastly' ? judgeFastly : judgeCloudflare

  async function answer (request: IncomingMessage, response: ServerResponse): Promise<void> {
    calls.push(request)
    const body = await text(request)
    const say = (status: number, headers: Record<string, string> = {}, value: object = {}): void =>
      void response.writeHead(status, { 'server': 'mock, not a CDN', ...headers }).end(JSON.stringify(value))
    const failure = failures.shift()
    if (failure?.status === 0) return void request.socket.destroy()
    // It says back what it was sent, as careless servers do.
    if (failure !== undefined) return say(failure.status, failure.headers, { headers: request.headers })
    if (mock.tokens < 1) return say(429, { 'retry-after': '2' }, { msg: 'rate limit exceeded' })
    mock.tokens--
    const verdict = judge(request, body, token)
    if (typeof verdict === 'number') return say(verdict, {}, { success: false })
    accepted.push(verdict)
    say(
      200,
      {},
      kind === 'fastly' ? Object.fromEntries(verdict.keys.map((key) => [key, 'mock-id'])) : { success: true }
    )
  }

  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const mock: CdnMock = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accepted,
    calls,
    failures,
    tokens: Infinity,
    async [Symbol.asyncDispose] () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return mock
}

/** @see https://www.fastly.com/documentation/reference/api/purging/ at most 256 keys of 1,024 bytes, in 16 KiB */
function judgeFastly (
  { method, url, headers }: IncomingMessage,
  _body: string,
  token: string
): AcceptedPurge | number {
  if (headers['fastly-key'] !== token) return 401
  if (method !== 'POST') return 405
  if (url === '/service/SERVICE/purge_all') return { keys: [], mode: 'all' }
  if (url !== '/service/SERVICE/purge') return 404
  const value = String(headers['surrogate-key'] ?? '')
  const keys = value.split(' ')
  if (value === '' || value.length > 16_384 || keys.length > 256 || keys.some((key) => key.length > 1_024))
    return 400
  return { keys, mode: headers['fastly-soft-purge'] === '1' ? 'soft' : 'hard' }
}

/** @see https://developers.cloudflare.com/cache/how-to/purge-cache/ at most 100 tags of 1,024 characters; always hard */
function judgeCloudflare (
  { method, url, headers }: IncomingMessage,
  body: string,
  token: string
): AcceptedPurge | number {
  if (headers.authorization !== `Bearer ${token}`) return 403
  if (method !== 'POST' || url !== '/client/v4/zones/ZONE/purge_cache') return 404
  const { tags = [], purge_everything: all } = JSON.parse(body) as {
    tags?: string[]
    purge_everything?: boolean
  }
  if (all === true) return { keys: [], mode: 'all' }
  const isTag = (tag: unknown): boolean =>
    typeof tag === 'string' && /^[\x21-\x7e]{1,1024}$/.test(tag) && !tag.includes(',')
  if (tags.length === 0 || tags.length > 100 || !tags.every(isTag)) return 400
  return { keys: tags, mode: 'hard' }
}
