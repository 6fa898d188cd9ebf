import * as http from 'node:http'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import type { Random } from '../../kernel/index.ts'

/** What a group of clients saw. */
export interface LoadCount {
  requests: number
  /** HTTP/2 only: asked twice, since the GOAWAY said that the first was not served. */
  askedAgain: number
  readonly failures: string[]
}

export interface Load {
  readonly counts: ReadonlyMap<string, LoadCount>
  /** Ends after the requests in flight. */
  readonly stop: () => Promise<void>
}

export interface LoadTargets {
  readonly plain: number
  readonly tls: number
  readonly socketPath: string
  readonly cert: string
}

const whole: Readonly<Record<string, string>> = {
  '/': 'served',
  '/slow': 'served',
  '/stream': `${Array.from({ length: 10 }, (_, part) => `part ${part}\n`).join('')}end`,
}
const paths = ['/', '/', '/', '/', '/', '/', '/slow', '/stream']

/**
 * Starts clients of every kind, each with one request at a time, and counts each request that did not get
 * its whole answer. Nothing is retried, but
 * for HTTP/2 streams that the server says it has not served; those are counted.
 */
export function startLoad (targets: LoadTargets, clientsPerKind: number, random: Random): Load {
  const counts = new Map<string, LoadCount>()
  const stops: (() => void)[] = []
  const loops: Promise<void>[] = []
  const stopping = new AbortController()

  function run (kind: string, ask: (path: string) => Promise<string>, pauseMs = 0): void {
    const count = counts.get(kind) ?? { requests: 0, askedAgain: 0, failures: [] }
    counts.set(kind, count)
    loops.push((async () => {
      while (!stopping.signal.aborted) {
        const path = paths[Math.floor(random() * paths.length)] ?? '/'
        count.requests++
        try {
          if (await ask(path) !== whole[path]) count.failures.push(`${path}: not whole`)
        } catch (error) {
          count.failures.push(`${path}: ${error}`)
        }
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, random() * pauseMs))
      }
    })())
  }

  const plain = { host: '127.0.0.1', port: targets.plain }
  const secure = { host: '127.0.0.1', port: targets.tls, servername: 'localhost', ca: targets.cert }
  for (let client = 0; client < clientsPerKind; client++) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const slowAgent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const tlsAgent = new https.Agent({ keepAlive: true, maxSockets: 1 })
    stops.push(() => agent.destroy(), () => slowAgent.destroy(), () => tlsAgent.destroy())
    run('new connections', (path) => ask(http, { ...plain, path, agent: false }))
    run('keep-alive', (path) => ask(http, { ...plain, path, agent }))
    run('keep-alive with pauses', (path) => ask(http, { ...plain, path, agent: slowAgent }), 500)
    run('UNIX socket', (path) => ask(http, { socketPath: targets.socketPath, path, agent: false }))
    run('TLS, new connections', (path) => ask(https, { ...secure, path, agent: false }))
    run('TLS, keep-alive', (path) => ask(https, { ...secure, path, agent: tlsAgent }))
    const session = http2Client(`https://127.0.0.1:${targets.tls}`, secure, () => {
      const count = counts.get('HTTP/2')
      if (count !== undefined) count.askedAgain++
    })
    stops.push(session.close)
    run('HTTP/2', session.ask)
  }
  return {
    counts,
    async stop () {
      stopping.abort()
      await Promise.all(loops)
      for (const stop of stops) stop()
    },
  }
}

function ask (module: typeof http | typeof https, options: https.RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    module.get(options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
      response.on('error', reject)
    }).on('error', reject)
  })
}

/**
 * One session at a time; a new one once the server has said that the old one ends.
 *
 * A stream that crosses the server's GOAWAY is not served. The GOAWAY names an earlier one as the last, which
 * tells any client that it may ask again (RFC 9113, 6.8 and 8.7), and this one does.
 */
function http2Client (url: string, options: http2.SecureClientSessionOptions, onAskAgain: () => void) {
  let session: http2.ClientHttp2Session | undefined
  let lastServed: number | undefined
  function current (): http2.ClientHttp2Session {
    if (session === undefined || session.closed || session.destroyed) {
      session = http2.connect(url, options)
      session.on('error', () => {})
      session.on('goaway', (_code, last) => {
        lastServed = last
      })
    }
    return session
  }
  async function ask (path: string): Promise<string> {
    lastServed = undefined
    const stream = current().request({ ':path': path })
    try {
      return await new Promise<string>((resolve, reject) => {
        let text = ''
        stream.setEncoding('utf8')
        stream.on('data', (chunk: string) => {
          text += chunk
        })
        stream.on('end', () => resolve(text))
        stream.on('error', reject)
      })
    } catch (error) {
      const unserved = lastServed !== undefined && (stream.id ?? 0) > lastServed
      if (!unserved || stream.rstCode !== http2.constants.NGHTTP2_REFUSED_STREAM) throw error
      onAskAgain()
      return ask(path)
    }
  }
  return { ask, close: () => session?.destroy() }
}
