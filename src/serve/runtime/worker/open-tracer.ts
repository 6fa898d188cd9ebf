import { type MetricsRegistry, otlpHttpExporter, Tracer } from '../../../telemetry/index.ts'
import type { Settings } from '../../settings/index.ts'

/** The worker's tracer; without a collector it records nothing. What it sends and loses is counted. */
export function openTracer (
  { otlp, sample }: Settings['trace'],
  resource: { readonly name: string; readonly version: string },
  registry: MetricsRegistry
): Tracer {
  const tracer = new Tracer({
    resource,
    sampleRatio: sample,
    ...(otlp === undefined ? {} : { exporter: otlpHttpExporter({ url: otlp }) }),
  })
  if (otlp !== undefined) countSpans(tracer, registry)
  return tracer
}

function countSpans (tracer: Tracer, registry: MetricsRegistry): void {
  const spans = registry.counter({
    name: 'plimsoll_trace_spans_total',
    help: 'Spans that were recorded, by what became of them.',
    labels: ['outcome'],
  })
  for (const outcome of ['exported', 'dropped'] as const) {
    const slot = spans.slot({ outcome })
    let counted = 0
    registry.onCollect(() => {
      slot.add(tracer[outcome] - counted)
      counted = tracer[outcome]
    })
  }
}
