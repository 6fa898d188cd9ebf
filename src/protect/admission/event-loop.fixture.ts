import { type Clock, type Criticality, manualClock, seededRandom } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import type { AdmissionClass, AdmissionUnit } from './admission-class.ts'
import { Admission } from './admission.ts'
import { EventHeap } from './event-heap.fixture.ts'
import type { Refusal } from './refusal.ts'
import type { UnitStage } from './unit.ts'

/** A handler: some CPU, then perhaps a wait for something that carries so many at once, then some CPU. */
export interface SimulatedRoute {
  readonly name: string
  readonly cpuMs: number
  readonly waitMs?: number
  readonly pool?: SimulatedPool
  readonly cpuAfterMs?: number
  readonly behind?: string
}

/** What stands behind a route. `slowness` multiplies what it takes. */
export interface SimulatedPool {
  readonly places: number
  slowness: number
}

export interface SimulatedLoad {
  readonly route: SimulatedRoute
  readonly perSecond: number
  readonly fromMs?: number
  readonly untilMs?: number
  /** Times between arrivals. @default 'poisson' */
  readonly arrivals?: 'poisson' | 'constant'
  readonly criticality?: Criticality
  readonly tenant?: string
  readonly deadlineMs?: number
  /** Each request comes on a connection of its own, which must be accepted first: one a turn. */
  readonly connectsAnew?: boolean
  /** Called for each refused or abandoned request; what it returns, in milliseconds, is when it is sent again. */
  readonly retryAfterMs?: (seconds: number | undefined) => number | undefined
}

export interface Outcome {
  readonly load: SimulatedLoad
  readonly atMs: number
  readonly tookMs: number
  readonly status: 200 | 503 | 'left'
  readonly refusal: Refusal | undefined
}

export interface Simulation {
  readonly outcomes: readonly Outcome[]
  readonly admission: Admission
  readonly registry: MetricsRegistry
  readonly classes: ReadonlyMap<string, AdmissionClass>
}

export interface SimulationOptions {
  readonly forMs: number
  readonly seed?: number
  /** What reading a request and answering it at once costs, and what a run costs beside its handler. */
  readonly refusalMs?: number
  readonly overheadMs?: number
  /** What accepting a connection costs. */
  readonly acceptMs?: number
  /** The process does nothing from `atMs` on, for `forMs`: a garbage collection, say. */
  readonly pauses?: readonly { readonly atMs: number; readonly forMs: number }[]
  /** Things that happen behind the routes. */
  readonly at?: readonly { readonly atMs: number; readonly run: () => void }[]
  /** `false` runs everything at once, as a server without admission does. @default true */
  readonly protect?: boolean
}

/** A client waits for so long, then it leaves. */
export const patienceMs = 1_000

/**
 * An event loop in simulated time: turns that first read whatever has arrived and then come to their end, a
 * processor that one thing has at a time, clients that send by schedule and leave when they have waited enough.
 * The same seed gives the same run.
 */
export function simulate (loads: readonly SimulatedLoad[], options: SimulationOptions): Simulation {
  const { forMs, seed = 1, refusalMs = 0.015, overheadMs = 0.03, acceptMs = 0.03, protect = true } = options
  const random = seededRandom(seed)
  const outcomes: Outcome[] = []
  const events = new EventHeap()
  let nowMs = 0
  let idleMs = 0
  let turnEnd: (() => void)[] = []
  const connections: (() => void)[] = []
  const clock: Clock = {
    ...manualClock(),
    now: () => nowMs,
    after (ms, run) {
      events.add(nowMs + ms, run)
      return () => {}
    },
  }
  const registry = new MetricsRegistry({ clock, random })
  const admission = new Admission({
    registry,
    clock,
    random,
    turn: { atEnd: (run) => turnEnd.push(run), idleMs: () => idleMs, cpuMs: () => clock.now() - idleMs },
  })
  const classes = new Map<string, AdmissionClass>()
  const pools = new Map<SimulatedPool, PoolState>()

  for (const load of loads) {
    const { name, behind } = load.route
    if (!classes.has(name))
      classes.set(name, admission.route({ name, ...(behind === undefined ? {} : { behind }) }))
    scheduleNext(load, load.fromMs ?? 0)
  }
  for (const { atMs, run } of options.at ?? []) events.add(atMs, run)
  for (const pause of options.pauses ?? []) events.add(pause.atMs, () => (nowMs += pause.forMs))

  while (nowMs < forMs + patienceMs + 100) {
    const next = events.firstMs()
    if (turnEnd.length === 0 && connections.length === 0 && next > nowMs) {
      if (next === Number.POSITIVE_INFINITY) break
      idleMs += next - nowMs
      nowMs = next
    }
    // What is due when the turn begins is all that it reads.
    const readMs = nowMs
    while (events.firstMs() <= readMs) events.runFirst()
    const connection = connections.shift()
    if (connection !== undefined) {
      nowMs += acceptMs
      if (protect) admission.connected()
      events.add(nowMs, connection)
    }
    const steps = turnEnd
    turnEnd = []
    for (const step of steps) step()
  }
  return { outcomes, admission, registry, classes }

  function scheduleNext (load: SimulatedLoad, afterMs: number): void {
    const gapMs = 1_000 / load.perSecond
    const atMs = afterMs + (load.arrivals === 'constant' ? gapMs : -Math.log(1 - random()) * gapMs)
    if (atMs > Math.min(forMs, load.untilMs ?? forMs)) return
    events.add(atMs, () => {
      scheduleNext(load, atMs)
      if (load.connectsAnew === true) connections.push(() => arrive(load, atMs))
      else arrive(load, atMs)
    })
  }

  function arrive (load: SimulatedLoad, atMs: number): void {
    const admissionClass = classes.get(load.route.name)
    if (admissionClass === undefined) throw new Error('unreachable')
    let over = false
    const unit = new SimulatedUnit(load, admissionClass, nowMs, {
      run: () => perform(load.route, () => end(200)),
      refuse: (refusal) => end(503, refusal),
    })
    events.add(atMs + patienceMs, () => {
      if (over) return
      end('left')
    })
    if (!protect) return perform(load.route, () => end(200))
    const verdict = admission.arrive(unit)
    if (verdict === 'run') unit.run()
    else if (verdict !== 'queued') end(503, verdict)

    function end (status: Outcome['status'], refusal?: Refusal): void {
      if (status === 503) nowMs += refusalMs
      if (protect && status !== 503) admission.finished(unit, status === 200 ? 'answered' : 'gone')
      if (over) return
      over = true
      outcomes.push({ load, atMs, tookMs: nowMs - atMs, status, refusal })
      if (status === 200) return
      const againMs = load.retryAfterMs?.(refusal?.retryAfterSeconds)
      if (againMs !== undefined && nowMs + againMs < forMs) {
        const sentMs = nowMs + againMs
        events.add(sentMs, () => arrive(load, sentMs))
      }
    }
  }

  function perform ({ cpuMs, waitMs, pool, cpuAfterMs = 0 }: SimulatedRoute, done: () => void): void {
    nowMs += cpuMs + overheadMs
    if (waitMs === undefined) return done()
    const finish = (): void => {
      nowMs += cpuAfterMs
      done()
    }
    if (pool === undefined) return events.add(nowMs + waitMs, finish)
    let state = pools.get(pool)
    if (state === undefined) pools.set(pool, state = { busy: 0, waiting: [] })
    usePool(pool, state, waitMs, finish)
  }

  function usePool (pool: SimulatedPool, state: PoolState, waitMs: number, finish: () => void): void {
    if (state.busy >= pool.places) return void state.waiting.push(() => usePool(pool, state, waitMs, finish))
    state.busy++
    events.add(nowMs + waitMs * pool.slowness, () => {
      state.busy--
      state.waiting.shift()?.()
      finish()
    })
  }
}

interface PoolState {
  busy: number
  readonly waiting: (() => void)[]
}

class SimulatedUnit implements AdmissionUnit {
  readonly admissionClass: AdmissionClass
  readonly criticality: Criticality
  readonly tenant: string | undefined
  readonly startedMs: number
  readonly deadlineAtMs: number
  admissionStage: UnitStage = 0
  admittedMs = 0
  readonly run: () => void
  readonly refuse: (refusal: Refusal) => void

  constructor (
    load: SimulatedLoad,
    admissionClass: AdmissionClass,
    nowMs: number,
    { run, refuse }: Pick<AdmissionUnit, 'run' | 'refuse'>
  ) {
    this.admissionClass = admissionClass
    this.criticality = load.criticality ?? 'normal'
    this.tenant = load.tenant
    this.startedMs = nowMs
    this.deadlineAtMs = nowMs + (load.deadlineMs ?? Number.POSITIVE_INFINITY)
    this.run = run
    this.refuse = refuse
  }
}
