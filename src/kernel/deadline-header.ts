import type { Deadline } from './deadline.ts'

/** The header by which one Plimsoll service tells the next what is left: whole milliseconds. */
export const deadlineHeader = 'plimsoll-timeout-ms'

/** The headers of a request, names in lower case, as node:http gives them. */
export type DeadlineHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** A deadline header that does not say a time: a mistake of the peer, which should hear of it. */
export class MalformedDeadline {
  /** The header's name, in lower case. */
  readonly header: string
  /** What such a header holds, to follow "must be". */
  readonly rule: string

  constructor (header: string, rule: string) {
    this.header = header
    this.rule = rule
  }
}

/**
 * The time that the sender of a request allows, in milliseconds, at least 0: the shortest of
 * `plimsoll-timeout-ms`, `grpc-timeout`, `connect-timeout-ms` and `x-envoy-expected-rq-timeout-ms`.
 *
 * Only for a peer that is trusted, and to be clamped even then: a valid header can ask for 11,000 years.
 *
 * @returns `undefined` without any of them. A malformed one makes the answer malformed, whatever the others
 *   say; so does a repeated one, which node:http joins with a comma.
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests grpc-timeout
 * @see https://connectrpc.com/docs/protocol#unary-request connect-timeout-ms
 * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter
 */
export function readDeadlineHeaders (headers: DeadlineHeaders): number | MalformedDeadline | undefined {
  const own = headers[deadlineHeader]
  const grpc = headers['grpc-timeout']
  const connect = headers['connect-timeout-ms']
  const envoy = headers[envoyHeader]
  // What nearly every request has: none.
  if (own === undefined && grpc === undefined && connect === undefined && envoy === undefined)
    return undefined
  const readings = [
    readMilliseconds(deadlineHeader, own),
    readGrpc(grpc),
    readMilliseconds('connect-timeout-ms', connect),
    readMilliseconds(envoyHeader, envoy),
  ]
  let shortest = Number.POSITIVE_INFINITY
  for (const reading of readings) {
    if (reading instanceof MalformedDeadline) return reading
    if (reading !== undefined && reading < shortest) shortest = reading
  }
  return shortest
}

/** What to send as {@link deadlineHeader} to a service that works for this deadline; nothing without one. */
export function writeDeadlineHeader (deadline: Deadline): string | undefined {
  const remainingMs = deadline.remainingMs()
  if (remainingMs === Number.POSITIVE_INFINITY) return undefined
  // Rounded down: whoever works on it must not outlive us.
  return String(Math.min(Math.floor(remainingMs), 9_999_999_999))
}

export interface DeadlineClamp {
  /** The longest that a caller may ask for, in milliseconds. */
  readonly maxMs: number
  /** The least that a caller is given, in milliseconds. @default 0 */
  readonly minMs?: number
}

/** What is granted of the `askedMs` that a caller asked for. */
export function clampDeadline (askedMs: number, { maxMs, minMs = 0 }: DeadlineClamp): number {
  return Math.min(Math.max(askedMs, minMs), maxMs)
}

type HeaderValue = string | readonly string[] | undefined

const envoyHeader = 'x-envoy-expected-rq-timeout-ms'

/** 10 digits are what Connect allows; they hold 115 days. */
const milliseconds = /^\d{1,10}$/

function readMilliseconds (header: string, value: HeaderValue): number | MalformedDeadline | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string' && milliseconds.test(value)) return Number(value)
  return new MalformedDeadline(header, 'one whole number of milliseconds of at most 10 digits')
}

const grpcTimeout = /^(\d{1,8})([HMSmun])$/

const msOfGrpcUnit: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
}

function readGrpc (value: HeaderValue): number | MalformedDeadline | undefined {
  if (value === undefined) return undefined
  const [, digits, unit] = typeof value === 'string' ? grpcTimeout.exec(value) ?? [] : []
  const factor = unit === undefined ? undefined : msOfGrpcUnit[unit]
  if (factor !== undefined) return Number(digits) * factor
  return new MalformedDeadline(
    'grpc-timeout',
    'a number of at most 8 digits and one unit of H, M, S, m, u, n'
  )
}
