import type { MetricsRegistry } from '../../telemetry/index.ts'

interface Counter {
  add(n?: number): void
}

/** What a buffer counts. */
export interface WriteCounts {
  readonly accepted: Counter
  /** Keys that were applied: fewer than writes, as far as they could be merged. */
  readonly applied: Counter
  readonly failures: Counter
  /** Times that a write had to wait for room. */
  readonly waits: Counter
}

const nothing: Counter = { add: () => {} }

export function writeCounts (buffer: string, registry: MetricsRegistry | undefined): WriteCounts {
  if (registry === undefined)
    return { accepted: nothing, applied: nothing, failures: nothing, waits: nothing }
  const counter = (name: string, help: string): Counter =>
    registry.counter({ name: `plimsoll_write_behind_${name}_total`, help, labels: ['buffer'] }).slot({
      buffer,
    })
  return {
    accepted: counter('accepted', 'Writes that were accepted to be applied later.'),
    applied: counter('applied', 'Keys that were applied, all writes to one merged.'),
    failures: counter('failures', 'Batches that could not be applied and were tried again.'),
    waits: counter('waits', 'Writes that had to wait for room.'),
  }
}
