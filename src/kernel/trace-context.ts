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

/** Length of the four fields of version 00 with their dashes. */
const headerLength = 55
/**
 * Any version but ff, which is forbidden; neither id all 0; what follows the four fields is set off by a dash. Tested
 * alone, an expression is faster than a loop from the first header on, and most services trace one request in a hundred.
 */
const valid = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:-|$)/
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
  if (!valid.test(header) || (header.startsWith('00-') && header.length > headerLength)) return undefined
  const traceId = header.slice(3, 35)
  const spanId = header.slice(36, 52)
  const sampled = (Number.parseInt(header.slice(53, headerLength), 16) & 1) === 1
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
    traceId: newTraceId(random),
    spanId: newSpanId(random),
    sampled,
    state: undefined,
  }
}

function newTraceId (random: Random): string {
  const id = hex(random, 4)
  return id === zeroTraceId ? `${'0'.repeat(31)}1` : id
}

function newSpanId (random: Random): string {
  const id = hex(random, 2)
  return id === zeroSpanId ? '0000000000000001' : id
}

const digits = Buffer.from('0123456789abcdef')
/** Where ids are put together; a string is made of it at once, so that one serves all. */
const scratch = Buffer.alloc(32)

/** So many times 8 digits. Written as bytes: numbers of 32 bits are slow to turn into text, and every refusal names a trace. */
function hex (random: Random, words: number): string {
  let at = 0
  for (let word = 0; word < words; word++) {
    const value = Math.floor(random() * 2 ** 32)
    for (let shift = 28; shift >= 0; shift -= 4) scratch[at++] = digits[(value >>> shift) & 15]!
  }
  return scratch.toString('latin1', 0, at)
}

function keptState (state: string | undefined): string | undefined {
  return state === undefined || state === '' || state.length > maximumStateLength ? undefined : state
}
