export { type SpanExporter, SpanExportError } from './exporter.ts'
export { memoryExporter } from './memory-exporter.ts'
export { otlpHttpExporter, type OtlpHttpOptions } from './otlp-http-exporter.ts'
export type { SpanStart } from './recording-span.ts'
export type {
  Attributes,
  AttributeValue,
  FinishedSpan,
  Span,
  SpanEvent,
  SpanKind,
  TraceResource,
} from './span.ts'
export { Tracer, type TracerOptions } from './tracer.ts'
