import type { CounterSlot, MetricsRegistry } from '../../telemetry/index.ts'
import { type Coding, codings, type OnEncoded } from './coding/index.ts'

/** Counts the bodies that are compressed whole, and their bytes before and after, by coding. */
export function payloadMetrics (registry: MetricsRegistry): OnEncoded {
  const labels = ['coding'] as const
  const bodies = registry.counter({
    name: 'plimsoll_encoded_bodies_total',
    help: 'Answers that were compressed whole; streams are not counted.',
    labels,
  })
  const before = registry.counter({
    name: 'plimsoll_encoded_bytes_before_total',
    help: 'Bytes of these answers before they were compressed.',
    labels,
  })
  const after = registry.counter({
    name: 'plimsoll_encoded_bytes_after_total',
    help: 'Bytes of these answers as they were sent.',
    labels,
  })
  const slots = Object.fromEntries(codings.map((coding) => [coding, {
    bodies: bodies.slot({ coding }),
    before: before.slot({ coding }),
    after: after.slot({ coding }),
  }])) as Record<Coding, Record<'bodies' | 'before' | 'after', CounterSlot>>
  return function count (coding, bytesBefore, bytesAfter): void {
    const slot = slots[coding]
    slot.bodies.add()
    slot.before.add(bytesBefore)
    slot.after.add(bytesAfter)
  }
}
