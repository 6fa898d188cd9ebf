import type { IncomingHttpHeaders } from 'node:http'
import {
  type Context,
  type Deadline,
  deadlineHeader,
  formatTraceparent,
  writeDeadlineHeader,
} from '../../kernel/index.ts'

/** Headers that a part may bring itself, unless the service allows more. */
export const ownHeaders: readonly string[] = [
  'accept',
  'accept-language',
  'api-version',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'prefer',
]

/**
 * Headers that no part can bring, whatever the service allows: they belong to a connection, frame a body, or say
 * who calls and from where - which the batch's own request has said already, past the proxies that check it.
 */
const neverOwn: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'cookie',
  'authorization',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
  'x-real-ip',
  'x-request-id',
  'traceparent',
  'tracestate',
  'grpc-timeout',
  'connect-timeout-ms',
])

const neverOwnFamilies = ['proxy-', 'x-forwarded-', 'x-envoy-', 'plimsoll-', 'sec-', 'signature'] as const

export function mayBeOwn (name: string): boolean {
  return !neverOwn.has(name) && !neverOwnFamilies.some((family) => name.startsWith(family))
}

/** Headers of the batch's request that are about itself and not about who sent it. */
const notInherited: ReadonlySet<string> = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'connection',
  'digest',
  'expect',
  'http2-settings',
  'idempotency-key',
  'keep-alive',
  'prefer',
  'range',
  'repr-digest',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'want-content-digest',
  'want-repr-digest',
  'x-request-id',
  'traceparent',
  'grpc-timeout',
  'connect-timeout-ms',
])

const notInheritedFamilies = ['content-', 'if-', 'proxy-', 'x-envoy-', 'plimsoll-', 'signature'] as const

export type HeaderFields = Record<string, string | string[]>

/**
 * What each part has from the batch's request: who calls, by which proxies, in which language. Credentials go
 * along; signatures do not, since they are of another request.
 */
export function inheritedHeaders (headers: IncomingHttpHeaders): HeaderFields {
  const named = new Set(String(headers.connection ?? '').toLowerCase().split(',').map((name) => name.trim()))
  const inherited: HeaderFields = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || notInherited.has(name) || named.has(name)) continue
    if (notInheritedFamilies.some((family) => name.startsWith(family))) continue
    inherited[name] = value
  }
  return inherited
}

/**
 * What the service itself says to a part: the time that is left, how much it matters, and whose part it is.
 *
 * @param number of the part in its batch, from 1
 */
export function contextHeaders (
  whole: Context | undefined,
  deadline: Deadline,
  number: number
): HeaderFields {
  const timeout = writeDeadlineHeader(deadline)
  return {
    ...timeout === undefined ? {} : { [deadlineHeader]: timeout },
    ...whole === undefined ? {} : {
      'plimsoll-criticality': whole.criticality,
      'x-request-id': `${whole.id}.${number}`,
      traceparent: formatTraceparent(whole.trace),
    },
  }
}
