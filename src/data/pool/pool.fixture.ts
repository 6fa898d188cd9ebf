import pg from 'pg'
import {
  type Clock,
  type Context,
  Deadline,
  newTrace,
  runWithContext,
  systemClock,
  systemRandom,
  WorkSignal,
} from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { type GovernedPool, type GovernOptions, governPool } from './pool.ts'

export interface TestPool extends AsyncDisposable {
  readonly pool: GovernedPool
  readonly registry: MetricsRegistry
  /** The value of one series; 0 for one that is not there. For a histogram, how many were recorded. */
  metric(name: string, labels?: Readonly<Record<string, string>>): number
}

/** A pool with deadlines over a real database; it ends with its scope. */
export function testPool (
  config: pg.PoolConfig,
  options: Omit<GovernOptions, 'registry'> = {}
): TestPool {
  const registry = new MetricsRegistry()
  const pool = governPool(new pg.Pool(config), { registry, ...options })
  pool.on('error', () => {})
  return {
    pool,
    registry,
    metric: (name, labels = {}) => metricOf(registry, name, labels),
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

function metricOf (
  registry: MetricsRegistry,
  name: string,
  wanted: Readonly<Record<string, string>>
): number {
  const family = registry.snapshot().families.find((family) => family.name === name)
  if (family === undefined) return 0
  const { labels, labelValues, values, bounds, kind } = family
  const width = kind === 'histogram' ? bounds.length + 2 : 1
  for (let series = 0; series * width < values.length; series++) {
    if (!labels.every((label, at) => labelValues[series * labels.length + at] === wanted[label])) continue
    const counts = values.subarray(series * width, series * width + width - (kind === 'histogram' ? 1 : 0))
    return counts.reduce((sum, count) => sum + count, 0)
  }
  return 0
}

export interface Work {
  readonly context: Context
  /** The client leaves. */
  leave(): void
  /** The work has ended. */
  settle(): void
  /** Runs `work` as this unit of work. */
  run<Result>(work: () => Result): Result
}

/** A unit of work as the request path makes them. */
export function workWith (deadline: Deadline = Deadline.none, clock: Clock = systemClock): Work {
  const signal = new WorkSignal({ deadline })
  const context: Context = {
    id: 'work-1',
    trace: newTrace(false, systemRandom),
    tenant: undefined,
    criticality: 'normal',
    deadline,
    get signal () {
      return signal.signal
    },
  }
  return {
    context,
    leave: () => signal.leave(clock.now()),
    settle: () => signal.settle(),
    run: (work) => runWithContext(context, work),
  }
}
