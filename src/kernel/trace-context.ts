import type { Random } from './random.ts'

/**
 * Where a unit of work stands in a distributed trace.
 *
 * @see https://www.w3.org/TR/trace-context/
 */
export interface TraceContext {
  /** 32 lower-case hex digits, not all 0. */
  readonly traceId: string
  /** 16 lower-case hex digits, not all 0: the span that the work runs in. */
  readonly spanId: string
  /** Whether the caller recorded its part of the trace, so that we record ours. */
  readonly sampled: boolean
  /** Vendors' own data, passed on as it came. At most 512 characters are kept. */
  readonly state: string | undefined
}

const pattern = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/
const zeroTraceId = '0'.repeat(32)
const zeroSpanId = '0'.repeat(16)
const maximumStateLength = 512

/**
 * Reads the caller's `traceparent` and `tracestate`.
 *
 * @returns the caller's span, or `undefined` for a header that the specification calls invalid (then a
 *   new trace starts: a bad header is never an error of the request). Versions after 00 are read by
 *   their first four fields, as the specification asks.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function parseTraceparent (header: string, state?: string): TraceContext | undefined {
  const [, version, traceId, spanId, flags, rest] = pattern.exec(header) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (traceId === zeroTraceId || spanId === zeroSpanId) return undefined
  const sampled = (Number.parseInt(flags, 16) & 1) === 1
  return { traceId, spanId, sampled, state: keptState(state) }
}

/** Writes the `traceparent` header that the work sends on its own calls. */
export function formatTraceparent ({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}

/** The work's own span under its caller's: same trace, same decision, new span id. */
export function childTrace (parent: TraceContext, random: Random): TraceContext {
  return { ...parent, spanId: newSpanId(random) }
}

/** The first span of a new trace. */
export function newTrace (sampled: boolean, random: Random): TraceContext {
  return {
    traceId: hex8(random) + hex8(random) + newSpanId(random),
    spanId: newSpanId(random),
    sampled,
    state: undefined,
  }
}

function newSpanId (random: Random): string {
  const id = hex8(random) + hex8(random)
  return id === zeroSpanId ? '0000000000000001' : id
}

function hex8 (random: Random): string {
  return Math.floor(random() * 2 ** 32).toString(16).padStart(8, '0')
}

function keptState (state: string | undefined): string | undefined {
  return state === undefined || state === '' || state.length > maximumStateLength ? undefined : state
}
