import type { Clock, TraceContext } from '../../kernel/index.ts'
import type {
  Attributes,
  AttributeValue,
  FinishedSpan,
  Span,
  SpanEvent,
  SpanKind,
  TraceResource,
} from './span.ts'

/** What is known of a span when it starts. */
export interface SpanStart {
  readonly name: string
  readonly kind: SpanKind
  /** The work's own place in the trace, made by `newTrace` or `childTrace`. */
  readonly trace: TraceContext
  readonly parentSpanId?: string | undefined
  readonly attributes?: Attributes | undefined
  /** Milliseconds since the Unix epoch. @default now */
  readonly startMs?: number | undefined
}

/** As OpenTelemetry's SDKs: attributes a span, and events a span. */
const mostKept = 128

/** Keeps what is told until the end, then hands it over. */
export class RecordingSpan implements Span {
  readonly trace: TraceContext
  readonly #start: SpanStart
  readonly #resource: TraceResource
  readonly #clock: Clock
  readonly #onEnd: (span: FinishedSpan) => void
  readonly #startMs: number
  /** Adds up with the monotonic clock to the time since the epoch, steps of the wall clock left out. */
  readonly #epochOffsetMs: number
  readonly #attributes: Map<string, AttributeValue> = new Map()
  readonly #events: SpanEvent[] = []
  #droppedAttributes = 0
  #droppedEvents = 0
  #status: 'unset' | 'error' = 'unset'
  #statusMessage: string | undefined
  #ended = false

  constructor (start: SpanStart, resource: TraceResource, clock: Clock, onEnd: (span: FinishedSpan) => void) {
    this.trace = start.trace
    this.#start = start
    this.#resource = resource
    this.#clock = clock
    this.#onEnd = onEnd
    this.#epochOffsetMs = clock.epochMs() - clock.now()
    this.#startMs = start.startMs ?? this.#nowMs()
    for (const [key, value] of Object.entries(start.attributes ?? {})) this.set(key, value)
  }

  set (key: string, value: AttributeValue | undefined): void {
    if (this.#ended || value === undefined) return
    if (this.#attributes.size >= mostKept && !this.#attributes.has(key)) this.#droppedAttributes++
    else this.#attributes.set(key, value)
  }

  event (name: string, attributes: Attributes = {}): void {
    if (this.#ended) return
    if (this.#events.length >= mostKept) this.#droppedEvents++
    else this.#events.push({ name, atMs: this.#nowMs(), attributes })
  }

  fail (error: unknown): void {
    if (this.#ended) return
    const { name, message, stack } = error instanceof Error ?
      error :
      { name: typeof error, message: String(error), stack: undefined }
    this.#status = 'error'
    this.#statusMessage = message
    this.set('error.type', name)
    this.event('exception', {
      'exception.type': name,
      'exception.message': message,
      'exception.stacktrace': stack,
    })
  }

  end (endMs: number = this.#nowMs()): void {
    if (this.#ended) return
    this.#ended = true
    const { name, kind, trace, parentSpanId } = this.#start
    this.#onEnd({
      name,
      kind,
      trace,
      parentSpanId,
      startMs: this.#startMs,
      endMs: Math.max(this.#startMs, endMs),
      attributes: Object.fromEntries(this.#attributes),
      events: this.#events,
      status: this.#status,
      statusMessage: this.#statusMessage,
      droppedAttributes: this.#droppedAttributes,
      droppedEvents: this.#droppedEvents,
      resource: this.#resource,
    })
  }

  #nowMs (): number {
    return this.#epochOffsetMs + this.#clock.now()
  }
}
