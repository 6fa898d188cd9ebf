import { type Clock, type Random, systemClock, systemRandom } from '../../../kernel/index.ts'
import type { Mode, Settings } from '../../settings/index.ts'
import type { FailureReport, FromWorker } from '../protocol.ts'
import type { DrainReason, SupervisorEvent } from '../supervisor-event.ts'
import { bootError, farewell, wentWell } from './farewell.ts'
import { FleetWorker } from './fleet-worker.ts'
import { type Generation, Generations, type ReloadOutcome } from './generations.ts'
import { Pacer } from './pacer.ts'
import { type FleetStep, type FleetView, isSettled, nextSteps } from './plan.ts'
import { drawLimits, rotationDue } from './rotation.ts'
import { StuckGuard } from './stuck-guard.ts'
import type { WorkerExit, WorkerHost } from './worker-host.ts'

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

/** Keeps the wanted workers running: carries out the plan, and feeds it with what happens. */
export class Fleet {
  readonly #options: Required<FleetOptions>
  readonly #workers = new Map<number, FleetWorker>()
  readonly #pacer: Pacer
  readonly #booted: PromiseWithResolvers<void> = Promise.withResolvers()
  readonly #emptied: PromiseWithResolvers<void> = Promise.withResolvers()
  readonly #generations: Generations
  #isBooted = false
  #stopping = false
  #lastId = 0
  #addresses = ''
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
    this.#generations = new Generations(first, { clock, report: options.report })
  }

  get generation (): Generation {
    return this.#generations.current
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
    const { interval: intervalMs, stuckAfter: stuckAfterMs } = this.generation.settings.heartbeat
    const stuckGuard = new StuckGuard({ clock, report, intervalMs, stuckAfterMs })
    this.#stuckGuard = stuckGuard
    void this.#emptied.promise.then(() => stuckGuard.close())
    this.#act()
    await this.#booted.promise
    report({ kind: 'booted', workers: this.generation.size, tookMs: clock.now() - startedAtMs })
  }

  /** Moves to a new generation; resolves when every worker is of it, or the old one is to stay. */
  async reload (settings: Settings, size: number, cause: string): Promise<ReloadOutcome> {
    if (this.#stopping) return 'stopped'
    const outcome = this.#generations.begin(settings, size, cause)
    this.#act()
    return outcome
  }

  /** Wants more workers, or fewer, but at least one; until the next reload. */
  resize (by: number): void {
    this.#generations.resize(by)
    this.#act()
  }

  /** Drains every worker; resolves when the last one has gone. */
  stop (): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true
      this.#act()
      this.#generations.stop()
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
      generation: this.generation.number,
      proven: this.#generations.isProven,
      size: this.generation.size,
      workers: this.workers,
      mayStart: this.#pacer.isFree,
      stopping: this.#stopping,
    }
  }

  /** Asks the plan, does what it says, and notes what that completes. */
  #act (): void {
    for (const step of nextSteps(this.#view())) this.#carryOut(step)
    if (this.#stopping || !isSettled(this.#view())) return
    if (!this.#isBooted) {
      this.#isBooted = true
      this.#booted.resolve()
    }
    this.#generations.settled()
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
    const { number: generation, settings } = this.generation
    const { requests, lifetime, memory, jitter } = settings.rotate
    const worker = new FleetWorker({
      id: ++this.#lastId,
      slot,
      generation,
      settings,
      nowMs: clock.now(),
      limits: drawLimits({ requests, lifetimeMs: lifetime, memoryBytes: memory }, jitter, random),
    })
    const leads = !this.#generations.isProven
    this.#workers.set(worker.id, worker)
    worker.process = host.fork(
      { worker: worker.id, slot, generation, leads, module: module.href, mode, settings },
      {
        onMessage: (message) => this.#heard(worker, message),
        onExit: (exit) => this.#gone(worker, exit),
      }
    )
    report({ kind: 'worker-started', ...worker.name })
    this.#expectProgress(worker)
  }

  #expectProgress (worker: FleetWorker): void {
    const { timeout: timeoutMs } = worker.settings.boot
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
    const { delay, grace } = worker.settings.drain
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
    if (worker.generation !== this.generation.number)
      return this.#generations.isGoingBack ?
        'rollback' :
        'reload'
    return 'rotation'
  }

  #heard (worker: FleetWorker, message: FromWorker): void {
    const { clock, report, onMessage } = this.#options
    if (message.plimsoll === 'progress') {
      const { message: text, share } = message
      if (worker.state === 'starting') {
        this.#expectProgress(worker)
        report({ kind: 'progress', message: text, ...(share === undefined ? {} : { share }), ...worker.name })
      }
    } else if (message.plimsoll === 'ready') this.#becameReady(worker, message)
    else if (message.plimsoll === 'heartbeat') {
      worker.vitals = message.vitals
      worker.vitalsAtMs = clock.now()
      if (worker.state === 'ready') this.#considerRotation(worker)
    } else if (message.plimsoll === 'drained') {
      worker.cut = message.cut
      worker.process.send({ plimsoll: 'farewell' })
    } else if (message.plimsoll === 'failed') worker.error ??= message.error
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
    this.#generations.prove(worker.generation)
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
      this.#pacer.crashed(worker, this.generation.settings)
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
    if (!this.#generations.isOnTrial(worker.generation)) return false
    this.#generations.rollBack(error)
    this.#act()
    return true
  }
}
