import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Clock, systemClock } from '../../kernel/index.ts'
import { FamilyWriter } from './exposition.ts'
import type { MetricsFormat } from './negotiate.ts'
import type { MetricsSnapshot } from './snapshot.ts'

export interface RenderOptions {
  /** @default the system's clock */
  readonly clock?: Clock
}

/** Time that one chunk may take before the event loop gets its turn, in milliseconds. */
const chunkMs = 2
/** Characters after which a chunk ends even when it was written in no time. */
const chunkLength = 64 * 1024

/**
 * Writes a snapshot as text, in chunks of at most about 64 Ki characters or 2 ms of work. The event loop
 * turns at least once between chunks, so that a scrape of any size holds up no request. Families without
 * series are left out.
 */
export async function* renderMetrics (
  snapshot: MetricsSnapshot,
  format: MetricsFormat,
  { clock = systemClock }: RenderOptions = {}
): AsyncGenerator<string, void, undefined> {
  let text = ''
  let sinceMs = clock.now()
  for (const family of snapshot.families) {
    const writer = new FamilyWriter(family, format)
    if (writer.seriesCount > 0) text += writer.header()
    for (let series = 0; series < writer.seriesCount; series++) {
      text += writer.series(series)
      if (text.length < chunkLength && clock.now() - sinceMs < chunkMs) continue
      yield text
      text = ''
      await nextTurn()
      sinceMs = clock.now()
    }
  }
  if (format === 'openmetrics') text += '# EOF\n'
  if (text !== '') yield text
}
