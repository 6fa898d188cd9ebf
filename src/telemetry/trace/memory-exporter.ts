import type { SpanExporter } from './exporter.ts'
import type { FinishedSpan } from './span.ts'

/** Keeps all spans in an array. For tests. */
export function memoryExporter (): SpanExporter & { readonly spans: FinishedSpan[] } {
  const spans: FinishedSpan[] = []
  return {
    spans,
    async export (batch) {
      spans.push(...batch)
    },
    async close () {},
  }
}
