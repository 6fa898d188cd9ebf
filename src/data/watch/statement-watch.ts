import { type Context, SettingError, unitOf } from '../../kernel/index.ts'
import { type Logger, MetricsRegistry } from '../../telemetry/index.ts'
import type { StatementObserver } from '../pool/index.ts'
import { type CallSite, captureCallSite, placeOf } from './call-site.ts'
import { NPlusOneError } from './errors.ts'
import { type Finding, type FindingKind, findingOf } from './finding.ts'
import { ShapeCache } from './fingerprint.ts'
import { FollowedUnits } from './followed-units.ts'
import { watchMetrics } from './metrics.ts'
import { beginWatch, endRecorded, record } from './recording.ts'
import { Repetitions } from './repetitions.ts'

/**
 * `fail`: the statement that makes an N+1 is refused with an NPlusOneError, for tests. `warn`: told once for each place,
 * for development. `sample`: as `warn`, of some units only and without stacks until something is found, for production.
 * `off`: nothing is counted. In each of them recordings hear of statements.
 */
export type WatchMode = 'fail' | 'warn' | 'sample' | 'off'

export const watchModes: readonly WatchMode[] = ['fail', 'warn', 'sample', 'off']

export interface WatchOptions {
  /** @default 'off' */
  readonly mode?: WatchMode
  /** Repetitions of a statement within a unit that are still right; at least 1. @default 5 */
  readonly threshold?: number
  /** In `sample`: one of so many statements has its unit followed; at least 1. @default 100 */
  readonly sampleEvery?: number
  /** @default one of its own */
  readonly registry?: MetricsRegistry
  /** Gets a line at `warn` for each place found. @default none */
  readonly logger?: Pick<Logger, 'warn'>
  /** Hears of each place found, once for each statement. @default nobody */
  readonly onFinding?: (finding: Finding) => void
}

/** Places that are remembered as told, and statements of which stacks were taken. */
const memory = 1_000
/** Stacks that `sample` takes of one statement, which may be sent from several places. */
const stacksEach = 3

/**
 * Watches the statements of a pool for those that one unit of work repeats. Give it to the pool as an observer; one
 * watch may serve several pools.
 *
 * Work outside of any context is not counted, since nothing says where it begins and ends.
 *
 * @throws SettingError for options out of range
 */
export function statementWatch (options: WatchOptions = {}): StatementObserver {
  const { mode = 'off', threshold = 5, sampleEvery = 100 } = options
  if (!watchModes.includes(mode)) throw new SettingError('mode', watchModes.join(', '), mode)
  if (!(threshold >= 1)) throw new SettingError('threshold', 'at least 1', threshold)
  if (!(sampleEvery >= 1)) throw new SettingError('sampleEvery', 'at least 1', sampleEvery)
  beginWatch()
  if (mode === 'off') return { sent: record, ended: endRecorded }
  const teller = new Teller(options)
  const watch = mode === 'sample' ?
    new SampledWatch(teller, threshold, sampleEvery) :
    new FullWatch(teller, threshold, mode === 'fail')
  return {
    sent (text, values, context) {
      const token = record(text, values, context)
      if (context !== undefined) watch.count(text, values, context)
      return token
    },
    ended: endRecorded,
  }
}

/** Looks at every unit, and takes the stack of each statement. */
class FullWatch {
  readonly #teller: Teller
  readonly #threshold: number
  readonly #fails: boolean
  readonly #shapes: ShapeCache = new ShapeCache()
  readonly #units: WeakMap<Context, Repetitions> = new WeakMap()

  constructor (teller: Teller, threshold: number, fails: boolean) {
    this.#teller = teller
    this.#threshold = threshold
    this.#fails = fails
  }

  count (text: string, values: readonly unknown[] | undefined, context: Context): void {
    const unit = unitOf(context)
    let repetitions = this.#units.get(unit)
    if (repetitions === undefined) {
      repetitions = new Repetitions(this.#threshold)
      this.#units.set(unit, repetitions)
      this.#teller.begin()
    }
    const found = repetitions.add(text, this.#shapes.of(text), values, captureCallSite())
    if (found === undefined) return
    const finding = findingOf({ ...found, unit: unit.id })
    this.#teller.tell(finding)
    if (this.#fails && finding.kind === 'n+1') throw new NPlusOneError([finding])
  }
}

/** Looks at a few units at a time, and takes a stack when one of them has repeated a statement too often. */
class SampledWatch {
  readonly #teller: Teller
  readonly #shapes: ShapeCache = new ShapeCache()
  readonly #units: FollowedUnits<Repetitions>
  readonly #stacks: Map<string, { taken: number; last: CallSite | undefined }> = new Map()

  constructor (teller: Teller, threshold: number, every: number) {
    this.#teller = teller
    this.#units = new FollowedUnits(every, () => {
      teller.begin()
      return new Repetitions(threshold)
    })
  }

  count (text: string, values: readonly unknown[] | undefined, context: Context): void {
    const found = this.#units.of(context)?.add(text, this.#shapes.of(text), values)
    if (found === undefined) return
    this.#teller.tell(findingOf({ ...found, site: this.#siteOf(found), unit: unitOf(context).id }))
  }

  #siteOf (
    { statement, kind }: { readonly statement: string; readonly kind: FindingKind }
  ): CallSite | undefined {
    const key = `${kind} ${statement}`
    let stacks = this.#stacks.get(key)
    if (stacks === undefined) {
      if (this.#stacks.size >= memory) this.#stacks.clear()
      stacks = { taken: 0, last: undefined }
      this.#stacks.set(key, stacks)
    }
    if (stacks.taken === stacksEach) return stacks.last
    stacks.taken++
    return stacks.last = captureCallSite()
  }
}

/** Counts what was found, and tells each place once. */
class Teller {
  readonly #metrics: ReturnType<typeof watchMetrics>
  readonly #options: WatchOptions
  readonly #told: Set<string> = new Set()

  constructor (options: WatchOptions) {
    this.#options = options
    this.#metrics = watchMetrics(options.registry ?? new MetricsRegistry())
  }

  begin (): void {
    this.#metrics.units.add()
  }

  tell (finding: Finding): void {
    const { kind, site, statement, count, unit, message } = finding
    const place = placeOf(site)
    this.#metrics.repeated.slot({ kind, site: place }).add()
    const key = `${kind} ${place} ${statement}`
    if (this.#told.has(key)) return
    if (this.#told.size >= memory) this.#told.clear()
    this.#told.add(key)
    const { logger, onFinding } = this.#options
    logger?.warn({ finding: kind, site: place, statement, count, unit }, message)
    onFinding?.(finding)
  }
}
