import { type Clock, type Random, systemClock, systemRandom } from '../../../kernel/index.ts'
import type { Mode, Settings } from '../../settings/index.ts'
import type { FailureReport, FromWorker } from '../protocol.ts'
import type { DrainReason, SupervisorEvent } from '../supervisor-event.ts'
import { bootError, farewell, wentWell } from './farewell.ts'
import { FleetWorker } from './fleet-worker.ts'
import { Pacer } from './pacer.ts'
import { type FleetStep, type FleetView, isSettled, nextSteps } from './plan.ts'
import { drawLimits, rotationDue } from './rotation.ts'
import { StuckGuard } from './stuck-guard.ts'
import type { WorkerExit, WorkerHost } from './worker-host.ts'

/** What all workers of one generation share. */
export interface Generation {
  readonly number: number
  readonly settings: Settings
  /** Workers wanted; at least 1. */
  readonly size: number
}

/** How a reload ended. */
export type ReloadOutcome = 'done' | 'rolled-back' | 'stopped'

export interface FleetOptions {
  readonly host: WorkerHost
  readonly module: URL
  readonly mode: Mode
  readonly report: (event: SupervisorEvent) => void
  /** Hears what workers say beside the runtime's own matters. */
  readonly onMessage?: (worker: FleetWorker, message: FromWorker) => void
  readonly onGone?: (worker: FleetWorker) => void
  /** Workers keep crashing, and the settings say to give up. */
  readonly onGiveUp?: () => void
  readonly clock?: Clock
  readonly random?: Random
}

/** What a drained worker may take beyond its grace, to close what it opened, in milliseconds. */
const closingMarginMs = 10_000

/** The first generation did not become ready. */
export class BootFailedError extends Error {
  override readonly name = 'BootFailedError'
  readonly code = 'BOOT_FAILED'
  readonly report: FailureReport

  constructor (report: FailureReport) {
    super(report.message)
    this.report = report
  }
}

interface Reload {
  readonly before: Generation
  readonly startedAtMs: number
  readonly ended: PromiseWithResolvers<ReloadOutcome>
}

/** Keeps the wanted workers running: carries out the plan, and feeds it with what happens. */
export class Fleet {
  readonly #options: Required<FleetOptions>
  readonly #workers = new Map<number, FleetWorker>()
  readonly #pacer: Pacer
  readonly #booted: PromiseWithResolvers<void> = Promise.withResolvers()
  readonly #emptied: PromiseWithResolvers<void> = Promise.withResolvers()
  #generation: Generation
  #proven = false
  #isBooted = false
  #stopping = false
  #reload: Reload | undefined
  #lastId = 0
  #lastGeneration: number
  #addresses = ''
  #rollingBack = false
  #stuckGuard: StuckGuard | undefined

  constructor (options: FleetOptions, first: Omit<Generation, 'number'>) {
    const { clock = systemClock, random = systemRandom } = options
    const { onMessage = () => {}, onGone = () => {}, onGiveUp = () => {} } = options
    this.#options = { ...options, clock, random, onMessage, onGone, onGiveUp }
    this.#pacer = new Pacer({
      clock,
      random,
      report: options.report,
      onGiveUp,
      onFree: () => {
        if (!this.#stopping) this.#act()
      },
    })
    this.#generation = { ...first, number: 1 }
    this.#lastGeneration = 1
  }

  get generation (): Generation {
    return this.#generation
  }

  get isBooted (): boolean {
    return this.#isBooted
  }

  get isStopping (): boolean {
    return this.#stopping
  }

  get workers (): readonly FleetWorker[] {
    return [...this.#workers.values()]
  }

  /**
   * Starts the first generation; resolves when it is complete.
   *
   * @throws BootFailedError when one of its workers does not become ready; no worker is left then
   */
  async boot (): Promise<void> {
    const { clock, report } = this.#options
    const startedAtMs = clock.now()
    // Of the first generation, for the fleet's whole life: all workers share one tick.
    const { interval: intervalMs, stuckAfter: stuckAfterMs } = this.#generation.settings.heartbeat
    const stuckGuard = new StuckGuard({ clock, report, intervalMs, stuckAfterMs })
    this.#stuckGuard = stuckGuard
    void this.#emptied.promise.then(() => stuckGuard.close())
    this.#act()
    await this.#booted.promise
    report({ kind: 'booted', workers: this.#generation.size, tookMs: clock.now() - startedAtMs })
  }

  /** Moves to a new generation; resolves when every worker is of it, or the old one is to stay. */
  async reload (settings: Settings, size: number, cause: string): Promise<ReloadOutcome> {
    if (this.#reload !== undefined) throw new Error('a reload is under way already')
    if (this.#stopping) return 'stopped'
    const { clock, report } = this.#options
    this.#reload = {
      before: this.#generation,
      startedAtMs: clock.now(),
      ended: Promise.withResolvers(),
    }
    this.#generation = { number: ++this.#lastGeneration, settings, size }
    this.#proven = false
    this.#rollingBack = false
    report({ kind: 'reload-started', generation: this.#generation.number, cause })
    const { ended } = this.#reload
    this.#act()
    return ended.promise
  }

  /** Wants more workers, or fewer, but at least one; until the next reload. */
  resize (by: number): void {
    const size = Math.max(1, this.#generation.size + by)
    this.#generation = { ...this.#generation, size }
    this.#options.report({ kind: 'scaled', workers: size })
    this.#act()
  }

  /** Drains every worker; resolves when the last one has gone. */
  stop (): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true
      this.#act()
      this.#endReload('stopped')
      if (this.#workers.size === 0) this.#emptied.resolve()
    }
    return this.#emptied.promise
  }

  /** Ends every worker at once. */
  killAll (): void {
    this.#stopping = true
    for (const worker of this.#workers.values()) worker.kill('abandoned')
    if (this.#workers.size === 0) this.#emptied.resolve()
  }

  #view (): FleetView {
    return {
      generation: this.#generation.number,
      proven: this.#proven,
      size: this.#generation.size,
      workers: this.workers,
      mayStart: this.#pacer.isFree,
      stopping: this.#stopping,
    }
  }

  /** Asks the plan, does what it says, and notes what that completes. */
  #act (): void {
    for (const step of nextSteps(this.#view())) this.#carryOut(step)
    if (this.#stopping || !isSettled(this.#view())) return
    this.#rollingBack = false
    if (!this.#isBooted) {
      this.#isBooted = true
      this.#booted.resolve()
    }
    this.#endReload('done')
  }

  #carryOut (step: FleetStep): void {
    if (step.kind === 'start') return this.#start(step.slot)
    const worker = this.#workers.get(step.worker)
    if (worker === undefined) return
    if (step.kind === 'drain') this.#drain(worker, step.surplus)
    else if (worker.loss === undefined) worker.kill('abandoned')
  }

  #start (slot: number): void {
    const { host, module, mode, clock, random, report } = this.#options
    const { number: generation, settings } = this.#generation
    const { requests, lifetime, memory, jitter } = settings.rotate
    const worker = new FleetWorker({
      id: ++this.#lastId,
      slot,
      generation,
      nowMs: clock.now(),
      limits: drawLimits({ requests, lifetimeMs: lifetime, memoryBytes: memory }, jitter, random),
    })
    const leads = !this.#proven
    this.#workers.set(worker.id, worker)
    worker.process = host.fork(
      { worker: worker.id, slot, generation, leads, module: module.href, mode, settings },
      {
        onMessage: (message) => this.#heard(worker, message),
        onExit: (exit) => this.#gone(worker, exit),
      }
    )
    report({ kind: 'worker-started', ...worker.name })
    this.#expectProgress(worker, settings.boot.timeout)
  }

  #expectProgress (worker: FleetWorker, timeoutMs: number): void {
    worker.deadline = this.#options.clock.after(timeoutMs, () => {
      worker.kill('boot-failed', {
        name: 'BootTimeoutError',
        code: 'BOOT_TIMEOUT',
        message: `the worker made no progress for ${timeoutMs} ms while booting (boot.timeout)`,
      })
    })
  }

  #drain (worker: FleetWorker, surplus: boolean): void {
    const { clock, report } = this.#options
    const { delay, grace } = this.#generation.settings.drain
    const reason = this.#drainReason(worker, surplus)
    // Only the end of the whole is news for a load balancer: a replaced worker's siblings serve on.
    const delayMs = this.#stopping ? delay : 0
    worker.state = 'draining'
    worker.draining = reason
    report({ kind: 'worker-draining', reason, ...worker.name })
    worker.process.send({ plimsoll: 'drain', delayMs })
    worker.deadline = clock.after(delayMs + grace + closingMarginMs, () => worker.kill('drain-overdue'))
  }

  #drainReason (worker: FleetWorker, surplus: boolean): DrainReason {
    if (this.#stopping) return 'shutdown'
    if (surplus) return 'scaled-down'
    if (worker.generation !== this.#generation.number) return this.#rollingBack ? 'rollback' : 'reload'
    return 'rotation'
  }

  #heard (worker: FleetWorker, message: FromWorker): void {
    const { clock, report, onMessage } = this.#options
    if (message.plimsoll === 'progress') {
      const { message: text, share } = message
      if (worker.state === 'starting') {
        this.#expectProgress(worker, this.#generation.settings.boot.timeout)
        report({ kind: 'progress', message: text, ...(share === undefined ? {} : { share }), ...worker.name })
      }
    } else if (message.plimsoll === 'ready') this.#becameReady(worker, message)
    else if (message.plimsoll === 'heartbeat') {
      worker.vitals = message.vitals
      worker.vitalsAtMs = clock.now()
      if (worker.state === 'ready') this.#considerRotation(worker)
    } else if (message.plimsoll === 'drained') worker.cut = message.cut
    else if (message.plimsoll === 'failed') worker.error ??= message.error
    if (worker.state !== 'starting') this.#stuckGuard?.heard(worker)
    onMessage(worker, message)
  }

  #becameReady (
    worker: FleetWorker,
    { addresses, bootMs }: { readonly addresses: readonly string[]; readonly bootMs: number }
  ): void {
    const { clock, report } = this.#options
    // It may have been abandoned while its word was on the way.
    if (worker.state !== 'starting' || worker.loss !== undefined) return
    worker.deadline = undefined
    worker.state = 'ready'
    worker.readyAtMs = clock.now()
    worker.addresses = addresses
    if (worker.generation === this.#generation.number) this.#proven = true
    report({ kind: 'worker-ready', bootMs, ...worker.name })
    if (addresses.join() !== this.#addresses) {
      this.#addresses = addresses.join()
      report({ kind: 'listening', addresses })
    }
    this.#act()
  }

  #considerRotation (worker: FleetWorker): void {
    const { clock, report } = this.#options
    const { vitals } = worker
    if (worker.due || vitals === undefined) return
    const ageMs = clock.now() - worker.startedAtMs
    const { requests, memoryBytes } = vitals
    const reason = rotationDue(worker.limits, { requests, ageMs, memoryBytes })
    if (reason === undefined) return
    worker.due = true
    report({ kind: 'rotation', reason, ...worker.name })
    this.#act()
  }

  #gone (worker: FleetWorker, exit: WorkerExit): void {
    const { clock, report, onGone } = this.#options
    this.#workers.delete(worker.id)
    this.#stuckGuard?.forget(worker)
    worker.deadline = undefined
    report(farewell(worker, exit, clock.now()))
    onGone(worker)
    if (this.#stopping) {
      if (this.#workers.size === 0) this.#emptied.resolve()
      return
    }
    if (!wentWell(worker, exit) && worker.loss !== 'abandoned' && worker.state !== 'draining') {
      if (worker.state === 'starting' && this.#refuseGeneration(worker, exit)) return
      this.#pacer.crashed(worker, this.#generation.settings)
    }
    if (!this.#stopping) this.#act()
  }

  /**
   * A worker that did not become ready condemns the generation that it was to begin.
   *
   * @returns whether it has; `false` when its generation has already proven itself
   */
  #refuseGeneration (worker: FleetWorker, exit: WorkerExit): boolean {
    const error = bootError(worker, exit)
    if (!this.#isBooted) {
      void this.stop().then(() => this.#booted.reject(new BootFailedError(error)))
      return true
    }
    if (this.#reload === undefined || worker.generation !== this.#generation.number) return false
    const { before } = this.#reload
    this.#options.report({
      kind: 'reload-rolled-back',
      generation: this.#generation.number,
      kept: before.number,
      error,
    })
    this.#generation = before
    this.#proven = true
    this.#rollingBack = true
    this.#endReload('rolled-back')
    this.#act()
    return true
  }

  #endReload (outcome: ReloadOutcome): void {
    const reload = this.#reload
    if (reload === undefined) return
    this.#reload = undefined
    if (outcome === 'done') {
      const tookMs = this.#options.clock.now() - reload.startedAtMs
      this.#options.report({ kind: 'reload-done', generation: this.#generation.number, tookMs })
    }
    reload.ended.resolve(outcome)
  }
}
