import type { TraceContext } from '../../kernel/index.ts'

/** Which side of a call a span is. @see https://opentelemetry.io/docs/specs/otel/trace/api/#spankind */
export type SpanKind = 'server' | 'client' | 'internal' | 'producer' | 'consumer'

/** What an attribute can hold. `undefined` is left out, so that optional facts need no branch. */
export type AttributeValue = string | number | boolean | readonly (string | number | boolean)[]

/** Facts by name, as OpenTelemetry's semantic conventions call them, e.g. `http.request.method`. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>

/** One recorded piece of work. After its end it takes nothing more, and says nothing about it. */
export interface Span {
  /** The work's own place in the trace: `spanId` is this span's. */
  readonly trace: TraceContext
  /** Sets an attribute; a span keeps its first 128. */
  set(key: string, value: AttributeValue | undefined): void
  /** Notes that something happened now; a span keeps its first 128. */
  event(name: string, attributes?: Attributes): void
  /** Marks the work as failed and notes the error: type, message and stack. It does not end the span. */
  fail(error: unknown): void
  /** @param endMs milliseconds since the Unix epoch; now by default. Only the first end counts. */
  end(endMs?: number): void
}

export interface SpanEvent {
  readonly name: string
  /** Milliseconds since the Unix epoch, with fractions. */
  readonly atMs: number
  readonly attributes: Attributes
}

/** What the spans of one process have in common. */
export interface TraceResource {
  /** The service's name: `service.name`. */
  readonly name: string
  /** The service's version: `service.version`. */
  readonly version: string | undefined
}

/** A span as an exporter gets it: plain data. */
export interface FinishedSpan {
  readonly name: string
  readonly kind: SpanKind
  readonly trace: TraceContext
  /** `undefined` for the first span of a trace. */
  readonly parentSpanId: string | undefined
  /** Milliseconds since the Unix epoch, with fractions. */
  readonly startMs: number
  /** As `startMs`; never before it. */
  readonly endMs: number
  readonly attributes: Attributes
  readonly events: readonly SpanEvent[]
  readonly status: 'unset' | 'error'
  /** What went wrong; `undefined` unless `status` is `'error'`. */
  readonly statusMessage: string | undefined
  /** How many attributes and events found no room. */
  readonly droppedAttributes: number
  readonly droppedEvents: number
  readonly resource: TraceResource
}
