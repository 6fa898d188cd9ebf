import { criticalities } from '../../kernel/index.ts'
import type { CounterFamily, CounterSlot, MetricsRegistry } from '../../telemetry/index.ts'
import type { AdmissionClass, AdmissionUnit } from './admission-class.ts'
import { type RefusalReason, refusalReasons } from './refusal.ts'
import type { Room } from './room.ts'

/** What a unit's tenant counts as: labels must be few. */
export type TenantKind = 'heavy' | 'other' | 'none'

/** What the gauges show of the whole. */
export interface AdmissionState {
  readonly classes: readonly AdmissionClass[]
  readonly rooms: Iterable<Room<AdmissionUnit>>
  readonly queued: number
  readonly loopDelayMs: number
  readonly pressure: number
}

/** Counts refusals and runs, and shows what admission believes of each route. */
export class AdmissionMetrics {
  readonly #refused: CounterFamily<'reason' | 'route' | 'lane' | 'tenant'>
  readonly #slots = new Map<AdmissionClass, (CounterSlot | undefined)[]>()

  constructor (registry: MetricsRegistry, state: () => AdmissionState) {
    this.#refused = registry.counter({
      name: 'plimsoll_admission_refused_total',
      help: 'Requests that were refused because not all could be served.',
      labels: ['reason', 'route', 'lane', 'tenant'],
    })
    show(registry, state)
  }

  refused (admissionClass: AdmissionClass, reason: RefusalReason, lane: number, tenant: TenantKind): void {
    let slots = this.#slots.get(admissionClass)
    if (slots === undefined) this.#slots.set(admissionClass, slots = [])
    const at = (refusalReasons.indexOf(reason) * criticalities.length + lane) * 3 +
      tenantKinds.indexOf(tenant)
    const slot = slots[at] ??= this.#refused.slot({
      reason,
      route: admissionClass.name,
      lane: criticalities[lane] ?? '',
      tenant,
    })
    slot.add()
  }
}

const tenantKinds: readonly TenantKind[] = ['none', 'other', 'heavy']

/** Fills what is read rather than counted, just before each scrape. */
function show (registry: MetricsRegistry, state: () => AdmissionState): void {
  const labels = ['route'] as const
  const merge = 'sum'
  const run = registry.counter({
    name: 'plimsoll_admission_run_total',
    help: 'Requests that were run, at once or after they had waited.',
    labels: ['route', 'way'],
  })
  const inFlight = registry.gauge({
    name: 'plimsoll_admission_in_flight',
    help: 'Requests that are running.',
    labels,
    merge,
  })
  const limit = registry.gauge({
    name: 'plimsoll_admission_limit',
    help: 'Requests that may be in flight at once to what stands behind some routes, as learnt.',
    labels: ['behind'],
    merge,
  })
  const cpu = registry.gauge({
    name: 'plimsoll_admission_cpu_seconds',
    help: 'Event loop time that one request of a route takes, as learnt.',
    labels,
    merge: 'max',
  })
  const latency = registry.gauge({
    name: 'plimsoll_admission_latency_seconds',
    help: 'Time from start to answer that a request of a route takes when nothing is in its way, as learnt.',
    labels,
    merge: 'max',
  })
  const queued = registry.gauge({
    name: 'plimsoll_admission_queued',
    help: 'Requests that wait for their turn or for room.',
    merge,
  }).slot()
  const delay = registry.gauge({
    name: 'plimsoll_admission_loop_delay_seconds',
    help: 'How long the event loop has lately taken for one turn.',
    merge: 'max',
  }).slot()
  const pressure = registry.gauge({
    name: 'plimsoll_admission_pressure',
    help: '0 calm, 1 busy, 2 overloaded, 3 refusing.',
    merge: 'max',
  }).slot()

  registry.onCollect(() => {
    const now = state()
    let waiting = now.queued
    for (const one of now.classes) {
      const route = { route: one.name }
      run.slot({ ...route, way: 'at once' }).add(one.ranAtOnce)
      run.slot({ ...route, way: 'queued' }).add(one.ranQueued)
      one.ranAtOnce = 0
      one.ranQueued = 0
      inFlight.slot(route).set(one.inFlight)
      cpu.slot(route).set(one.cpuMs / 1_000)
      latency.slot(route).set(one.latencyMs / 1_000)
    }
    for (const room of now.rooms) {
      limit.slot({ behind: room.name }).set(room.limiter.limit)
      waiting += room.waiting.length
    }
    queued.set(waiting)
    delay.set(now.loopDelayMs / 1_000)
    pressure.set(now.pressure)
  })
}
