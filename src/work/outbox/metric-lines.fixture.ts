import { type MetricsRegistry, renderMetrics } from '../../telemetry/index.ts'

/** What a scrape shows of the metric of this name. */
export async function metricLines (registry: MetricsRegistry, name: string): Promise<readonly string[]> {
  let text = ''
  for await (const part of renderMetrics(registry.snapshot(), 'prometheus')) text += part
  return text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
}
