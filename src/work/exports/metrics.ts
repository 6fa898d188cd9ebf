import type { CounterSlot, HistogramSlot, MetricsRegistry } from '../../telemetry/index.ts'

export interface ExportMetrics {
  readonly ended: (name: string, outcome: 'done' | 'failed' | 'cancelled') => void
  readonly seconds: HistogramSlot
  readonly parts: CounterSlot
  readonly rows: CounterSlot
  readonly bytes: CounterSlot
  readonly resumed: CounterSlot
  readonly refused: CounterSlot
  readonly swept: CounterSlot
}

const secondsBounds = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200]

export function exportMetrics (registry: MetricsRegistry): ExportMetrics {
  const ended = registry.counter({
    name: 'plimsoll_exports_total',
    help: 'Exports that have ended, by name and outcome.',
    labels: ['export', 'outcome'],
  })
  const counter = (name: string, help: string): CounterSlot =>
    registry.counter({ name: `plimsoll_export_${name}_total`, help }).slot()
  return {
    ended: (name, outcome) => ended.slot({ export: name, outcome }).add(1),
    seconds: registry.histogram({
      name: 'plimsoll_export_duration_seconds',
      help: 'From asking for an export to its last part.',
      bounds: secondsBounds,
    }).slot(),
    parts: counter('parts', 'Parts of exports that were made durable.'),
    rows: counter('rows', 'Rows in those parts.'),
    bytes: counter('bytes', 'Bytes of those parts, as they are kept.'),
    resumed: counter('resumed', 'Runs that went on after the last durable part of an earlier one.'),
    refused: counter('refused', 'Exports that were refused because of the limits of a tenant.'),
    swept: counter('swept', 'Exports whose files were deleted.'),
  }
}
