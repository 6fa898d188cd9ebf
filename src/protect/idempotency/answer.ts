import { SettingError } from '../../kernel/index.ts'
import { IdempotencyAnswerTooLargeError } from './errors.ts'

/** An answer as the handler's side knows it. */
export interface Answer {
  readonly status: number
  /** As `reply.getHeaders()` gives them; those that are not allowed are left out. */
  readonly headers: Readonly<Record<string, number | string | readonly string[] | undefined>>
  /** The bytes to send; `undefined` for none; `null` for a stream, which cannot be kept. */
  readonly body: Uint8Array | string | null | undefined
}

/** An answer as it is kept and sent, the first time and each time after. */
export interface StoredAnswer {
  readonly status: number
  /** Names in lower case; a name that has several values stands several times. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** `undefined` when it was too large, or a stream: the replay can only say that. */
  readonly body: Buffer | undefined
}

const standardHeaders: readonly string[] = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'deprecation',
  'etag',
  'last-modified',
  'link',
  'location',
  'preference-applied',
  'sunset',
  'vary',
]

/** Set-Cookie is the first client's; the rest belongs to one connection, one message or one request. */
const neverKept =
  /^(?:set-cookie2?|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|date|age|x-request-id|traceparent|tracestate|idempotent-replayed|ratelimit.*|server-timing|retry-after|www-authenticate)$/

const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

/** What of an answer is kept. */
export interface AnswerLimits {
  readonly maxBodyBytes: number
  /** Names in lower case. */
  readonly headers: ReadonlySet<string>
}

/** @throws SettingError for a name that must never be replayed, or is none */
export function keptHeaders (further: readonly string[]): ReadonlySet<string> {
  const names = further.map((name) => name.toLowerCase())
  const wrong = names.find((name) => !fieldName.test(name) || neverKept.test(name))
  if (wrong !== undefined) {
    throw new SettingError(
      'idempotency.keepHeaders',
      'header names that may be sent to every client that repeats the request (not Set-Cookie, not those of one connection or request)',
      wrong
    )
  }
  return new Set([...standardHeaders, ...names])
}

/**
 * Whether an answer ends the operation. One that asks the client to come back (408, 409, 425, 429) and a failure
 * of the service (5xx) do not: they release the key.
 */
export function keepsStatus (status: number): boolean {
  return status >= 200 && status < 500 && status !== 408 && status !== 409 && status !== 425 && status !== 429
}

/** The part of an answer that is kept. A body beyond the limit is left out. */
export function keep (answer: Answer, { headers, maxBodyBytes }: AnswerLimits): StoredAnswer {
  const body = bytesOf(answer.body)
  return {
    status: answer.status,
    headers: Object.entries(answer.headers).flatMap(([name, value]) =>
      pairs(name.toLowerCase(), value, headers)
    ),
    body: body !== undefined && body.byteLength <= maxBodyBytes ? body : undefined,
  }
}

/** @throws IdempotencyAnswerTooLargeError instead of leaving the body out */
export function keepWhole (answer: Answer, limits: AnswerLimits): StoredAnswer {
  const kept = keep(answer, limits)
  if (kept.body === undefined) {
    throw new IdempotencyAnswerTooLargeError(
      answer.body == null ? Number.POSITIVE_INFINITY : Buffer.byteLength(answer.body),
      limits.maxBodyBytes
    )
  }
  return kept
}

function pairs (
  name: string,
  value: number | string | readonly string[] | undefined,
  allowed: ReadonlySet<string>
): readonly (readonly [string, string])[] {
  if (value === undefined || !allowed.has(name)) return []
  return (Array.isArray(value) ? value : [value]).map((each) => [name, String(each)] as const)
}

/** @returns undefined for a stream */
function bytesOf (body: Answer['body']): Buffer | undefined {
  if (body === null) return undefined
  if (body === undefined) return Buffer.alloc(0)
  if (typeof body === 'string') return Buffer.from(body)
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}
