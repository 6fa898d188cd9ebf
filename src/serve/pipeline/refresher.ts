import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AsyncLocalStorage } from 'node:async_hooks'
import { IncomingMessage } from 'node:http'
import type { Answer, Miss } from '../../answer/cache/index.ts'
import { runWithoutContext } from '../../kernel/index.ts'

/** What says how long the first caller would wait, what it had, and which request it was: none of it is the refresh's. */
const ownOfTheCaller: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'upgrade',
  'te',
  'trailer',
  'transfer-encoding',
  'content-length',
  'expect',
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'cache-control',
  'pragma',
  'x-request-id',
  'traceparent',
  'tracestate',
  'plimsoll-timeout-ms',
  'grpc-timeout',
  'connect-timeout-ms',
  'x-envoy-expected-rq-timeout-ms',
])

interface Refresh {
  miss: Miss | undefined
}

/**
 * Runs routes in the background, to make anew what was served stale: as a request of the same caller for the same
 * thing, with nobody to answer. It passes all hooks and the handler, in the lane `background`, and costs no limit.
 */
export class Refresher {
  readonly #app: FastifyInstance
  readonly #underWay = new AsyncLocalStorage<Refresh>()

  constructor (app: FastifyInstance) {
    this.#app = app
  }

  /** What the request is to fill, if it is a refresh of ours. No client can make one: it comes from no connection. */
  missOf ({ raw }: FastifyRequest): Miss | undefined {
    if (raw instanceof IncomingMessage) return undefined
    const refresh = this.#underWay.getStore()
    const miss = refresh?.miss
    // Once: what the handler injects itself is no refresh.
    if (refresh !== undefined) refresh.miss = undefined
    return miss
  }

  /** Never rejects: an entry that cannot be made anew stays as it is, and the next request tries again. */
  async run ({ raw, ip }: FastifyRequest, refresh: NonNullable<Answer['refresh']>): Promise<void> {
    const headers = Object.fromEntries(
      Object.entries(raw.headers).filter(([name]) => !ownOfTheCaller.has(name))
    ) as Record<string, string>
    const url = raw.url ?? '/'
    const miss = await refresh().catch(() => undefined)
    if (miss === undefined) return
    try {
      // Awaited inside: an injection begins when somebody waits for it.
      await runWithoutContext(() =>
        this.#underWay.run({ miss }, async () => {
          await this.#app.inject({ method: 'GET', url, headers, remoteAddress: ip })
        })
      )
    } catch {
      // Ended below.
    } finally {
      // For one that never came to an answer; else it has ended already.
      miss.abandon()
    }
  }
}
