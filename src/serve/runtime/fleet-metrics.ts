import { type Clock, sleep } from '../../kernel/index.ts'
import {
  MetricsMerger,
  MetricsRegistry,
  type MetricsSnapshot,
  processMetrics,
} from '../../telemetry/index.ts'
import type { Fleet, FleetWorker } from './fleet/index.ts'
import type { FromWorker } from './protocol.ts'
import type { SupervisorEvent } from './supervisor-event.ts'

/** How long a scrape waits for workers; who is later is shown by its last snapshot. */
const collectTimeoutMs = 500

/** The name under which the supervisor's own numbers are merged. */
const own = 'supervisor'

/** The metrics of all workers, living and gone, and of the supervisor itself. */
export class FleetMetrics {
  readonly #merger = new MetricsMerger()
  readonly #registry: MetricsRegistry
  readonly #clock: Clock
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>()
  readonly #count: (event: SupervisorEvent) => void
  readonly #stop: () => void
  #collection = 0
  #underWay: Promise<MetricsSnapshot> | undefined

  constructor (fleet: () => Fleet | undefined, clock: Clock) {
    this.#clock = clock
    this.#registry = new MetricsRegistry({ clock })
    this.#count = counters(this.#registry)
    this.#stop = processMetrics(this.#registry, { clock })
    fleetGauges(this.#registry, fleet)
  }

  /** Counts what the supervisor reports. */
  note (event: SupervisorEvent): void {
    this.#count(event)
  }

  heard (worker: FleetWorker, message: FromWorker): void {
    if (message.plimsoll === 'drained') this.#merger.update(String(worker.id), message.snapshot)
    if (message.plimsoll !== 'collected') return
    this.#merger.update(String(worker.id), message.snapshot)
    this.#waiting.get(worker.id)?.resolve()
  }

  /** Its counts stay in the totals, as last known. */
  gone (worker: FleetWorker): void {
    this.#waiting.get(worker.id)?.resolve()
    this.#merger.retire(String(worker.id))
  }

  /** Asks the workers and merges what they say; scrapes at one time share one asking. */
  collect (workers: readonly FleetWorker[]): Promise<MetricsSnapshot> {
    this.#underWay ??= this.#collect(workers).finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  close (): void {
    this.#stop()
  }

  async #collect (workers: readonly FleetWorker[]): Promise<MetricsSnapshot> {
    const id = ++this.#collection
    const asked = workers.filter(({ state }) => state !== 'starting')
    for (const worker of asked) {
      this.#waiting.set(worker.id, Promise.withResolvers())
      worker.process.send({ plimsoll: 'collect', id })
    }
    const answers = asked.map((worker) => this.#waiting.get(worker.id)?.promise)
    const enough = new AbortController()
    await Promise.race([
      Promise.all(answers),
      sleep(this.#clock, collectTimeoutMs, enough.signal).catch(() => {}),
    ])
    enough.abort()
    for (const worker of asked) this.#waiting.delete(worker.id)
    this.#merger.update(own, this.#registry.snapshot())
    return this.#merger.merged()
  }
}

function counters (registry: MetricsRegistry): (event: SupervisorEvent) => void {
  const ended = registry.counter({
    name: 'plimsoll_worker_exits_total',
    help: 'Workers that have gone, by why: drained for a reason, or lost for one.',
    labels: ['reason'],
  })
  const lostRequests = registry.counter({
    name: 'plimsoll_worker_lost_requests_total',
    help: 'Requests in the hands of workers that were lost, as known by their last heartbeat.',
  }).slot({})
  const reloads = registry.counter({
    name: 'plimsoll_reloads_total',
    help: 'Reloads, by outcome.',
    labels: ['outcome'],
  })
  const draining = new Map<number, string>()
  return (event) => {
    if (event.kind === 'worker-draining') draining.set(event.worker, event.reason)
    else if (event.kind === 'worker-drained')
      ended.slot({ reason: draining.get(event.worker) ?? 'drained' }).add()
    else if (event.kind === 'worker-lost') {
      ended.slot({ reason: event.reason }).add()
      lostRequests.add(event.inFlight)
    } else if (event.kind === 'reload-done') reloads.slot({ outcome: 'done' }).add()
    else if (event.kind === 'reload-rolled-back') reloads.slot({ outcome: 'rolled-back' }).add()
    if (event.kind === 'worker-drained' || event.kind === 'worker-lost') draining.delete(event.worker)
  }
}

function fleetGauges (registry: MetricsRegistry, fleet: () => Fleet | undefined): void {
  const workers = registry.gauge({
    name: 'plimsoll_workers',
    help: 'Worker processes, by state.',
    labels: ['state'],
    merge: 'sum',
  })
  const wanted = registry.gauge({
    name: 'plimsoll_workers_wanted',
    help: 'Worker processes there should be.',
    merge: 'sum',
  }).slot({})
  const generation = registry.gauge({
    name: 'plimsoll_generation',
    help: 'The generation of workers that serves; it rises with each reload.',
    merge: 'max',
  }).slot({})
  registry.onCollect(() => {
    const now = fleet()
    for (const state of ['starting', 'ready', 'draining'] as const) {
      workers.slot({ state }).set(now?.workers.filter((worker) => worker.state === state).length ?? 0)
    }
    wanted.set(now?.generation.size ?? 0)
    generation.set(now?.generation.number ?? 0)
  })
}
