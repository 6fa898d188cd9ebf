import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Problem } from '../../kernel/index.ts'
import { answerProbe, type HealthSource } from '../health/index.ts'
import { send, sendChunks, sendProblem } from './send.ts'

/** A scrape's answer, to be sent as it is made. */
export interface MetricsAnswer {
  readonly contentType: string
  readonly body: AsyncIterable<string>
}

/** What the admin port tells. Every part is asked anew for each request. */
export interface AdminSources {
  /** @param accept the scraper's `accept` header, which chooses the format */
  readonly metrics: (accept: string | undefined) => MetricsAnswer | Promise<MetricsAnswer>
  readonly health: HealthSource
  /** What `/status` shows, as JSON can hold it. It is shown to whoever reaches the port: no secrets. */
  readonly status: () => unknown
  /** Called with what a source threw; the client learns only that it failed. */
  readonly onError: (error: unknown) => void
}

const notFound = { code: 'NOT_FOUND', status: 404, title: 'There is nothing at this path' } as const
const wrongMethod = { code: 'METHOD_NOT_ALLOWED', status: 405, title: 'This path is read only' } as const
const internalError = { code: 'INTERNAL_ERROR', status: 500, title: 'The answer could not be made' } as const

const index = `Plimsoll admin port

GET /metrics    metrics of all workers, for Prometheus
GET /livez      whether the process can answer
GET /readyz     whether the service wants traffic, and why not
GET /startupz   whether the boot is over
GET /status     what runs: workers, addresses, settings (JSON)
`

type Route = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** Answers the admin port's requests. All of them read; none changes anything. */
export function adminHandler ({ metrics, health, status, onError }: AdminSources): RequestListener {
  const routes = new Map<string, Route>([
    ['/', (_request, response) => send(response, 200, { 'content-type': 'text/plain' }, index)],
    ['/metrics', async (request, response) => {
      const { contentType, body } = await metrics(request.headers.accept)
      response.setHeader('content-type', contentType)
      // Nothing is rendered for a body that is not sent.
      if (request.method === 'HEAD') response.end()
      else await sendChunks(response, body)
    }],
    ['/status', async (_request, response) => {
      const body = JSON.stringify(await status(), undefined, 2) + '\n'
      send(response, 200, { 'content-type': 'application/json' }, body)
    }],
  ])
  for (const probe of ['/livez', '/readyz', '/startupz'] as const) {
    routes.set(probe, async (_request, response) => {
      const { statusCode, headers, body } = await answerProbe(health, probe)
      send(response, statusCode, headers, body)
    })
  }

  return async function answer (request, response) {
    response.setHeader('cache-control', 'no-store')
    response.setHeader('x-content-type-options', 'nosniff')
    const route = routes.get(request.url?.split('?', 1)[0] ?? '')
    if (route === undefined) {
      sendProblem(response, new Problem(notFound, { detail: 'GET / lists what is here' }))
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      sendProblem(response, new Problem(wrongMethod), { allow: 'GET, HEAD' })
    } else {
      try {
        await route(request, response)
      } catch (error) {
        onError(error)
        // Half an answer must not look like a whole one: the connection is cut.
        if (response.headersSent) response.destroy()
        else sendProblem(response, new Problem(internalError))
      }
    }
  }
}
