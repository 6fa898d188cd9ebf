export type { CounterFamily, CounterSlot } from './counter.ts'
export type { Labels } from './family.ts'
export type { GaugeFamily, GaugeSlot } from './gauge.ts'
export { type HistogramFamily, type HistogramSlot, httpSecondsBounds } from './histogram.ts'
export { MetricsMerger } from './merger.ts'
export { type MetricsFormat, metricsFormat, type NegotiatedFormat } from './negotiate.ts'
export { processMetrics, type ProcessMetricsOptions } from './process-metrics.ts'
export {
  type GaugeOptions,
  type HistogramOptions,
  type MetricOptions,
  type MetricsOptions,
  MetricsRegistry,
} from './registry.ts'
export { renderMetrics, type RenderOptions } from './render.ts'
export type { FamilyShape, GaugeMerge, MetricKind } from './shape.ts'
export type { Exemplar, FamilySnapshot, MetricsSnapshot } from './snapshot.ts'
