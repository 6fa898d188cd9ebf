import { type Clock, type Duration, parseDuration, SettingError, systemClock } from '../../../kernel/index.ts'
import { EdgePurgeError, type PurgeFailure } from './errors.ts'

/** What all drivers that speak HTTP share. */
export interface HttpPurgerOptions {
  /** Names the edge in the queue and in metrics, where there are several of one kind. @default the driver's */
  readonly name?: string
  /** How long one call may take. @default '10s' */
  readonly timeout?: Duration
  /** @default the system's clock */
  readonly clock?: Clock
}

/** One call to an edge. */
export interface EdgeCall {
  readonly purger: string
  readonly url: URL
  readonly method: 'POST' | 'PURGE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** What must never be seen, e.g. the token among the headers. */
  readonly secret: string | undefined
  readonly timeoutMs: number
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
}

const shown = 200

/**
 * @returns the body of a 2xx answer
 * @throws EdgePurgeError for anything else
 */
export async function callEdge (call: EdgeCall): Promise<string> {
  const { purger, url, method, headers, body, timeoutMs, clock, signal } = call
  const late = new AbortController()
  const cancel = clock.after(timeoutMs, () => late.abort(new Error(`no answer within ${timeoutMs} ms`)))
  try {
    const response = await fetch(url, {
      method,
      headers,
      body: body ?? null,
      signal: signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]),
      redirect: 'error', // a token goes nowhere else
    })
    const text = await response.text()
    if (response.ok) return text
    throw new EdgePurgeError(purger, failureOf(response.status), {
      detail: withoutSecret(`it answered ${response.status}: ${text.slice(0, shown)}`, call.secret),
      status: response.status,
      retryAfterMs: retryAfterMs(response.headers.get('retry-after'), clock),
    })
  } catch (error) {
    if (error instanceof EdgePurgeError) throw error
    throw new EdgePurgeError(purger, 'unavailable', { detail: withoutSecret(reasonOf(error), call.secret) })
  } finally {
    cancel()
  }
}

/** @throws SettingError for a name that does not fit in a metric's label and a column */
export function resolveHttpOptions (
  { name, timeout = '10s', clock = systemClock }: HttpPurgerOptions,
  driver: string
): { readonly name: string; readonly timeoutMs: number; readonly clock: Clock } {
  const own = name ?? driver
  if (!/^[a-z0-9_-]{1,64}$/.test(own)) {
    throw new SettingError(`${driver}.name`, '1 to 64 of a-z, 0-9, _ and -', own)
  }
  const timeoutMs = parseDuration(timeout, `${driver}.timeout`)
  if (timeoutMs < 1) throw new SettingError(`${driver}.timeout`, 'a duration of at least 1 ms', timeout)
  return { name: own, timeoutMs, clock }
}

/** @throws SettingError, which does not show the value */
export function secretOf (setting: string, value: unknown): string {
  if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return value
  throw new SettingError(
    setting,
    'printable ASCII without spaces',
    value === undefined ? undefined : '(hidden)'
  )
}

/** @throws SettingError */
export function httpUrl (setting: string, value: unknown): URL {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url !== undefined && isHttp && url.username === '' && url.password === '') return url
  throw new SettingError(
    setting,
    'an http or https URL without user or password',
    isHttp ? '(hidden)' : value
  )
}

function failureOf (status: number): PurgeFailure {
  if (status === 429) return 'limited'
  return status >= 500 || status === 408 ? 'unavailable' : 'refused'
}

function retryAfterMs (value: string | null, clock: Clock): number | undefined {
  if (value === null) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock.epochMs())
}

/** What fetch throws says little; its cause says it. */
function reasonOf (error: unknown): string {
  if (!(error instanceof Error)) return 'the call failed'
  const { cause } = error
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message
}

function withoutSecret (text: string, secret: string | undefined): string {
  return secret === undefined ? text : text.replaceAll(secret, '(hidden)')
}
