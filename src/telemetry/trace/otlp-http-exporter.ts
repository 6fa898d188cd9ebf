import {
  type Clock,
  fullJitter,
  type Random,
  SettingError,
  sleep,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'
import { type SpanExporter, SpanExportError } from './exporter.ts'
import { otlpDocument } from './otlp-document.ts'
import type { FinishedSpan } from './span.ts'

export interface OtlpHttpOptions {
  /** The collector, e.g. `http://localhost:4318`; `/v1/traces` is added where the path lacks it. */
  readonly url: string | URL
  /** Sent with each request, e.g. an API key. @default none */
  readonly headers?: Readonly<Record<string, string>>
  /** Longest time for one batch, tries and waits included, in milliseconds. @default 10000 */
  readonly timeoutMs?: number
  /** @default the system's clock */
  readonly clock?: Clock
  /** @default the system's randomness */
  readonly random?: Random
}

/** Answers after which the same batch may be sent again. */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504])
const backoff = { baseMs: 1_000, capMs: 8_000 }

/**
 * Sends spans as OTLP over HTTP in JSON. A refusal that may pass (429, 502, 503, 504) and a connection
 * that fails are tried again after `Retry-After` or a jittered wait, as long as `timeoutMs` allows.
 *
 * @throws SettingError for a URL that is none, or holds credentials (pass them as a header)
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export function otlpHttpExporter (options: OtlpHttpOptions): SpanExporter {
  const { headers = {}, timeoutMs = 10_000, clock = systemClock, random = systemRandom } = options
  const url = tracesUrl(options.url)
  const closed = new AbortController()

  async function send (spans: readonly FinishedSpan[], signal: AbortSignal): Promise<void> {
    const body = JSON.stringify(otlpDocument(spans))
    const endMs = clock.now() + timeoutMs
    for (let attempt = 1;; attempt++) {
      const answer = await post(body, signal)
      if (answer.accepted) {
        if (answer.rejected > 0) throw new SpanExportError('the collector refused them', answer.rejected)
        return
      }
      const waitMs = answer.retryAfterMs ?? fullJitter(attempt, backoff, random)
      if (!answer.again || clock.now() + waitMs >= endMs)
        throw new SpanExportError(answer.reason, spans.length)
      await sleep(clock, waitMs, signal)
    }
  }

  async function post (body: string, signal: AbortSignal): Promise<Answer> {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body,
        signal,
        redirect: 'error',
      })
      const text = await response.text()
      if (response.ok) return { accepted: true, rejected: rejectedSpans(text) }
      return {
        accepted: false,
        again: retryable.has(response.status),
        retryAfterMs: retryAfterMs(response.headers.get('retry-after'), clock),
        reason: `it answered ${response.status}`,
      }
    } catch (error) {
      if (signal.aborted) throw error
      return { accepted: false, again: true, retryAfterMs: undefined, reason: reasonOf(error) }
    }
  }

  return {
    async export (spans, outer) {
      const late = new AbortController()
      const cancel = clock.after(timeoutMs, () => late.abort(new Error(`no answer within ${timeoutMs} ms`)))
      const signals = [late.signal, closed.signal, ...outer === undefined ? [] : [outer]]
      try {
        await send(spans, AbortSignal.any(signals))
      } catch (error) {
        if (error instanceof SpanExportError) throw error
        throw new SpanExportError(reasonOf(error), spans.length, error)
      } finally {
        cancel()
      }
    },
    async close () {
      closed.abort(new Error('the exporter was closed'))
    },
  }
}

type Answer =
  | { readonly accepted: true; readonly rejected: number }
  | {
    readonly accepted: false
    /** Whether the same batch may be sent again. */
    readonly again: boolean
    readonly retryAfterMs: number | undefined
    readonly reason: string
  }

function tracesUrl (given: string | URL): URL {
  const url = URL.parse(String(given))
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new SettingError('trace.otlp', 'a URL such as "http://localhost:4318"', String(given))
  }
  if (url.username !== '' || url.password !== '') {
    throw new SettingError('trace.otlp', 'a URL without credentials (send them as a header)', url.host)
  }
  if (!/\/v1\/traces\/?$/.test(url.pathname)) url.pathname = url.pathname.replace(/\/*$/, '/v1/traces')
  return url
}

/** Reads `Retry-After`: seconds or a date. @see https://www.rfc-editor.org/rfc/rfc9110#name-retry-after */
function retryAfterMs (header: string | null, clock: Clock): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const dateMs = Date.parse(header)
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - clock.epochMs())
}

/** How many spans a collector that accepted the request says it did not take. */
function rejectedSpans (text: string): number {
  try {
    const document = JSON.parse(text) as { readonly partialSuccess?: { readonly rejectedSpans?: unknown } }
    return Number(document?.partialSuccess?.rejectedSpans ?? 0) || 0
  } catch {
    return 0 // an answer that is not JSON says nothing about refused spans
  }
}

/** The innermost reason: fetch wraps what happened to its connection. */
function reasonOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message || error.name
}
