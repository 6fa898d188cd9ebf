import { otlpHttpExporter, Tracer } from '../../../telemetry/index.ts'
import type { Settings } from '../../settings/index.ts'

/** The worker's tracer; without a collector it records nothing. */
export function openTracer (
  { otlp, sample }: Settings['trace'],
  resource: { readonly name: string; readonly version: string }
): Tracer {
  return new Tracer({
    resource,
    sampleRatio: sample,
    ...(otlp === undefined ? {} : { exporter: otlpHttpExporter({ url: otlp }) }),
  })
}
