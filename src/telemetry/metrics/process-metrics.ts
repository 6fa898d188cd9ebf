import { monitorEventLoopDelay, performance, PerformanceObserver } from 'node:perf_hooks'
import type { EventLoopUtilization } from 'node:perf_hooks'
import { type Cancel, type Clock, systemClock } from '../../kernel/index.ts'
import type { HistogramSlot } from './histogram.ts'
import type { MetricsRegistry } from './registry.ts'

export interface ProcessMetricsOptions {
  /** @default the system's clock */
  readonly clock?: Clock
}

/** How often the loop's delay is measured: 50 wake-ups a second, in native code. */
const delayResolutionMs = 20
const delayBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const gcBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

/** Garbage collections by the numbers of `perf_hooks.constants.NODE_PERFORMANCE_GC_*`. */
const gcKinds: ReadonlyMap<number, string> = new Map([
  [1, 'minor'],
  [2, 'minor'],
  [4, 'major'],
  [8, 'incremental'],
  [16, 'weakcb'],
])

/**
 * Records what the process itself uses: processor time, memory, event loop, garbage collection. Levels are
 * read when a snapshot is taken; they are kept apart by worker, since a sum would hide the one that leaks.
 *
 * @returns stops the measuring; what was recorded stays
 */
export function processMetrics (
  registry: MetricsRegistry,
  { clock = systemClock }: ProcessMetricsOptions = {}
): Cancel {
  const startTime = registry.gauge({
    name: 'process_start_time_seconds',
    help: 'When the process started, in seconds since the Unix epoch.',
    merge: 'each',
  }).slot()
  startTime.set((clock.epochMs() - process.uptime() * 1000) / 1000)
  const stops = [
    registry.onCollect(cpuCollector(registry)),
    registry.onCollect(memoryCollector(registry)),
    registry.onCollect(loopCollector(registry, clock)),
    watchLoopDelay(registry),
    watchGarbageCollection(registry),
  ]
  return () => {
    for (const stop of stops.splice(0)) stop()
  }
}

function cpuCollector (registry: MetricsRegistry): () => void {
  const family = registry.counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time used, in user and in system mode.',
    labels: ['mode'],
  })
  const user = family.slot({ mode: 'user' })
  const system = family.slot({ mode: 'system' })
  let last = { user: 0, system: 0 }
  return () => {
    const usage = process.cpuUsage()
    user.add((usage.user - last.user) / 1e6)
    system.add((usage.system - last.system) / 1e6)
    last = usage
  }
}

function memoryCollector (registry: MetricsRegistry): () => void {
  const gauge = (name: string, help: string) => registry.gauge({ name, help, merge: 'each' }).slot()
  const resident = gauge('process_resident_memory_bytes', 'Memory of the process that is in RAM.')
  const used = gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.')
  const total = gauge('nodejs_heap_size_total_bytes', 'JavaScript heap reserved.')
  const external = gauge(
    'nodejs_external_memory_bytes',
    'Memory held by JavaScript objects outside the heap.'
  )
  return () => {
    const usage = process.memoryUsage()
    resident.set(usage.rss)
    used.set(usage.heapUsed)
    total.set(usage.heapTotal)
    external.set(usage.external)
  }
}

function loopCollector (registry: MetricsRegistry, clock: Clock): () => void {
  const utilization = registry.gauge({
    name: 'nodejs_eventloop_utilization',
    help: 'Share of time that the event loop was busy since the last snapshot, 0 to 1.',
    merge: 'each',
  }).slot()
  const time = registry.counter({
    name: 'nodejs_eventloop_time_seconds_total',
    help: 'Time that the event loop was busy (active) or waited for events (idle).',
    labels: ['state'],
  })
  const active = time.slot({ state: 'active' })
  const idle = time.slot({ state: 'idle' })
  let last: EventLoopUtilization = performance.eventLoopUtilization()
  let lastAtMs = clock.now()
  return () => {
    const nowMs = clock.now()
    // Two scrapers in a row: a share of a few milliseconds would be noise, so the last one stands.
    if (nowMs - lastAtMs < 100) return
    const current = performance.eventLoopUtilization()
    const since = performance.eventLoopUtilization(current, last)
    utilization.set(since.utilization)
    active.add(since.active / 1000)
    idle.add(since.idle / 1000)
    last = current
    lastAtMs = nowMs
  }
}

function watchLoopDelay (registry: MetricsRegistry): Cancel {
  const slot = registry.histogram({
    name: 'nodejs_eventloop_delay_seconds',
    help: 'How much later than due the event loop ran a timer, sampled 50 times a second.',
    bounds: delayBounds,
  }).slot()
  const monitor = monitorEventLoopDelay({ resolution: delayResolutionMs })
  monitor.enable()
  const cancel = registry.onCollect(() => moveDelays(monitor, slot))
  return () => {
    cancel()
    monitor.disable()
  }
}

/** What is used of Node's own histogram of loop delays, in nanoseconds. */
export interface DelayMonitor {
  readonly count: number
  /** The value that each percentile, rising to 100, is at or below. */
  readonly percentiles: ReadonlyMap<number, number>
  reset(): void
}

/**
 * Moves what the monitor has counted into fixed buckets, which add up over time and workers as its
 * percentiles would not. The monitor measures from one wake-up to the next, so the interval is taken off.
 * Between two of its percentile steps the higher value stands for all.
 */
export function moveDelays (
  monitor: DelayMonitor,
  slot: HistogramSlot
): void {
  const { count, percentiles } = monitor
  if (count === 0) return
  let counted = 0
  for (const [percentile, nanoseconds] of percentiles) {
    const upTo = Math.round(count * percentile / 100)
    slot.recordMany(Math.max(0, nanoseconds / 1e9 - delayResolutionMs / 1000), upTo - counted)
    counted = Math.max(counted, upTo)
  }
  monitor.reset()
}

/** What Node adds to an entry of type `gc`, and its types leave out. */
interface NodeGarbageCollectionEntry extends PerformanceEntry {
  readonly detail: { readonly kind: number }
}

function watchGarbageCollection (registry: MetricsRegistry): Cancel {
  const family = registry.histogram({
    name: 'nodejs_gc_duration_seconds',
    help: 'Pauses for garbage collection.',
    labels: ['kind'],
    bounds: gcBounds,
  })
  const slots = new Map([...gcKinds].map(([number, kind]) => [number, family.slot({ kind })]))
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as NodeGarbageCollectionEntry
      slots.get(detail.kind)?.record(entry.duration / 1000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return () => observer.disconnect()
}
