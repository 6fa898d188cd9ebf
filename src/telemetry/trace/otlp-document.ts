import type { Attributes, AttributeValue, FinishedSpan, SpanEvent, SpanKind, TraceResource } from './span.ts'

/** Numbers of the enum `SpanKind`. */
const kinds: Readonly<Record<SpanKind, number>> = {
  internal: 1,
  server: 2,
  client: 3,
  producer: 4,
  consumer: 5,
}
const statusUnset = 0
const statusError = 2
/** Of the span's `flags`: the trace is sampled. */
const sampledFlag = 1

/**
 * The body of an OTLP request for traces, in its JSON encoding: ids in hex, 64-bit numbers as text, enums
 * as numbers.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 * @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
 */
export function otlpDocument (spans: readonly FinishedSpan[]): unknown {
  const byResource = Map.groupBy(spans, (span) => span.resource)
  return {
    resourceSpans: [...byResource].map(([resource, group]) => ({
      resource: { attributes: writeAttributes(resourceAttributes(resource)) },
      scopeSpans: [{ scope: { name: 'plimsoll' }, spans: group.map(writeSpan) }],
    })),
  }
}

function resourceAttributes ({ name, version }: TraceResource): Attributes {
  return {
    'service.name': name,
    'service.version': version,
    'process.pid': process.pid,
    'telemetry.sdk.name': 'plimsoll',
    'telemetry.sdk.language': 'nodejs',
  }
}

function writeSpan (span: FinishedSpan): unknown {
  const { traceId, spanId, state } = span.trace
  return {
    traceId,
    spanId,
    ...(state === undefined ? {} : { traceState: state }),
    ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
    flags: sampledFlag,
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(span.endMs),
    attributes: writeAttributes(span.attributes),
    droppedAttributesCount: span.droppedAttributes,
    events: span.events.map(writeEvent),
    droppedEventsCount: span.droppedEvents,
    status: span.status === 'error' ?
      { code: statusError, message: span.statusMessage ?? '' } :
      { code: statusUnset },
  }
}

function writeEvent ({ name, atMs, attributes }: SpanEvent): unknown {
  return { timeUnixNano: nanoseconds(atMs), name, attributes: writeAttributes(attributes) }
}

/** Nanoseconds since the epoch do not fit a double: milliseconds and their fraction are joined as text. */
function nanoseconds (ms: number): string {
  const wholeMs = Math.floor(ms)
  const rest = Math.min(999_999, Math.round((ms - wholeMs) * 1e6))
  return wholeMs === 0 ? String(rest) : `${wholeMs}${String(rest).padStart(6, '0')}`
}

function writeAttributes (attributes: Attributes): unknown[] {
  const written: unknown[] = []
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) written.push({ key, value: writeValue(value) })
  }
  return written
}

function writeValue (value: AttributeValue): unknown {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return writeNumber(value)
  return { arrayValue: { values: value.map(writeValue) } }
}

/** JSON has no infinities; the encoding writes them as text, as protobuf's JSON does. */
function writeNumber (value: number): unknown {
  if (Number.isSafeInteger(value)) return { intValue: String(value) }
  return { doubleValue: Number.isFinite(value) ? value : String(value) }
}
