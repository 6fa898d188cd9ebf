import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, type Random, systemClock, systemRandom } from '../../kernel/index.ts'
import { metricsFormat, renderMetrics } from '../../telemetry/index.ts'
import { type Admin, openAdmin } from '../admin/index.ts'
import type { Mode, ResolvedSettings, Settings } from '../settings/index.ts'
import { clusterHost } from './cluster-host.ts'
import { exitCodes } from './exit-code.ts'
import { fleetHealth } from './fleet-health.ts'
import { FleetMetrics } from './fleet-metrics.ts'
import { BootFailedError, Fleet, type WorkerHost } from './fleet/index.ts'
import { grantedSettings, withFixedOf } from './generation-settings.ts'
import { HeldSockets } from './held-sockets.ts'
import { LocalState } from './local-state.ts'
import { reportFailure } from './protocol.ts'
import { ServiceSockets } from './service-sockets.ts'
import { onSignals } from './signals.ts'
import { statusOf } from './status.ts'
import type { SupervisorEvent } from './supervisor-event.ts'
import { TicketKeys } from './ticket-keys.ts'
import { watchModule } from './watch-module.ts'

export interface SupervisorOptions {
  /** The service's module. */
  readonly module: URL
  /** Settles the settings: once to start, and anew for each reload. */
  readonly resolve: () => Promise<ResolvedSettings>
  readonly mode: Mode
  /** Reload when a file beside the module changes. @default false */
  readonly watch?: boolean
  readonly report: (event: SupervisorEvent) => void
  /** What worker processes run. @default Plimsoll's own worker; tests bring another */
  readonly workerMain?: URL
  readonly clock?: Clock
  readonly random?: Random
}

/**
 * Runs a service in worker processes until it is told to stop, and keeps it running: this process holds the
 * sockets, replaces workers, watches over them, and answers the admin port. It serves no request itself.
 *
 * It takes over the process: its signals and its node:cluster. One at a time.
 *
 * @returns what the process should exit with; see {@link exitCodes}
 */
export async function runSupervisor (options: SupervisorOptions): Promise<{ readonly exitCode: number }> {
  const supervisor = new Supervisor(options)
  return { exitCode: await supervisor.run() }
}

class Supervisor {
  readonly #options: Required<SupervisorOptions>
  readonly #metrics: FleetMetrics
  readonly #sockets: ServiceSockets
  readonly #local: LocalState
  readonly #exit: PromiseWithResolvers<number> = Promise.withResolvers()
  #fleet: Fleet | undefined
  #admin: Admin | undefined
  #isReloading = false
  #nextReload: string | undefined
  #settings: Settings | undefined

  constructor (options: SupervisorOptions) {
    const { watch = false, clock = systemClock, random = systemRandom } = options
    const { workerMain = new URL('./worker/worker-main.ts', import.meta.url) } = options
    this.#options = { ...options, watch, clock, random, workerMain: builtOf(workerMain) }
    this.#metrics = new FleetMetrics(() => this.#fleet, clock)
    this.#local = new LocalState(clock)
    this.#sockets = new ServiceSockets(new HeldSockets())
  }

  async run (): Promise<number> {
    const { watch, module, clock } = this.#options
    const endSignals = onSignals({
      reload: (cause) => void this.#reload(cause),
      resize: (by) => this.#fleet?.resize(by),
      stop: (cause) => void this.#stop(cause, exitCodes.ok),
      interrupt: () => {
        this.#fleet?.killAll()
        this.#exit.resolve(exitCodes.interrupted)
      },
      writeStatus: () => void this.#writeStatus(),
    })
    const keys = new TicketKeys({
      clock,
      onRotate: (keys) => {
        for (const { process } of this.#fleet?.workers ?? []) process.send({ plimsoll: 'ticket-keys', keys })
      },
    })
    const endWatch = watch ?
      watchModule({
        module,
        clock,
        onChange: (path) => void this.#reload(`${path} changed`),
        onError: (error) => this.#trouble('files are not watched any more', error),
      }) :
      () => {}
    try {
      void this.#start(keys)
      return await this.#exit.promise
    } finally {
      endWatch()
      keys.close()
      this.#metrics.close()
      this.#sockets.close()
      await this.#admin?.close()
      endSignals()
    }
  }

  async #start (keys: TicketKeys): Promise<void> {
    const { resolve, module, mode, clock, random } = this.#options
    try {
      const { settings, workers: size } = grantedSettings((await resolve()).settings)
      this.#settings = settings
      this.#report({ kind: 'started', pid: process.pid, workers: size, mode })
      await this.#sockets.prepare(settings.listen)
      this.#fleet = new Fleet({
        host: this.#host(settings, keys),
        module,
        mode,
        clock,
        random,
        report: (event) => this.#report(event),
        onMessage: (worker, message) => {
          if (message.plimsoll === 'local') this.#local.heard(worker.id, message.message)
          else this.#metrics.heard(worker, message)
        },
        onGone: (worker) => {
          this.#local.gone(worker.id)
          this.#metrics.gone(worker)
        },
        onGiveUp: () => void this.#stop('workers keep crashing', exitCodes.failed),
      }, { settings, size })
      await this.#openAdmin(settings)
      await this.#fleet.boot()
    } catch (error) {
      if (this.#fleet?.isStopping === true && !(error instanceof BootFailedError)) return
      const failure = error instanceof BootFailedError ? error.report : reportFailure(error)
      this.#report({ kind: 'boot-failed', error: failure })
      this.#end(exitCodes.bootFailed)
    }
  }

  #host (settings: Settings, keys: TicketKeys): WorkerHost {
    const { workerMain, clock } = this.#options
    const host = clusterHost({ workerMain, acceptMode: settings.acceptMode, clock })
    return {
      fork: (order, ears) => {
        const process = host.fork({ ...order, ticketKeys: keys.current }, ears)
        this.#local.attach(order.worker, (message) => process.send({ plimsoll: 'local', message }))
        return process
      },
    }
  }

  async #openAdmin ({ admin }: Settings): Promise<void> {
    if (admin === 'off') return
    const at = admin.lastIndexOf(':')
    const address = {
      host: admin.slice(0, at).replace(/^\[(.*)\]$/, '$1'),
      port: Number(admin.slice(at + 1)),
    }
    this.#admin = await openAdmin({
      address,
      clock: this.#options.clock,
      health: fleetHealth(() => this.#fleet),
      status: () => this.#status(),
      onError: (error) => this.#trouble('the admin port could not answer', error),
      metrics: async (accept) => {
        const { format, contentType } = metricsFormat(accept)
        const snapshot = await this.#metrics.collect(this.#fleet?.workers ?? [])
        return { contentType, body: renderMetrics(snapshot, format) }
      },
    })
    this.#report({ kind: 'admin-listening', ...this.#admin.address })
  }

  /** One reload at a time; those that are asked for meanwhile become one more. */
  async #reload (cause: string): Promise<void> {
    if (this.#isReloading || this.#fleet?.isBooted !== true) {
      this.#nextReload = cause
      return
    }
    this.#isReloading = true
    try {
      await this.#reloadOnce(this.#fleet, cause)
    } finally {
      this.#isReloading = false
    }
    this.#reloadNext()
  }

  #reloadNext (): void {
    const cause = this.#nextReload
    this.#nextReload = undefined
    if (cause !== undefined) void this.#reload(cause)
  }

  async #reloadOnce (fleet: Fleet, cause: string): Promise<void> {
    const before = fleet.generation
    try {
      const { settings, workers } = grantedSettings((await this.#options.resolve()).settings)
      const held = withFixedOf(before.settings, settings)
      if (held.changed.length > 0) this.#report({ kind: 'restart-needed', settings: held.changed })
      await this.#sockets.prepare(settings.listen)
      const outcome = await fleet.reload(held.settings, workers, cause)
      this.#settings = fleet.generation.settings
      if (outcome === 'done') {
        this.#sockets.keepOnly(this.#settings.listen, fleet.workers.flatMap(({ addresses }) => addresses))
      }
    } catch (error) {
      // Nothing has been started: the settings are wrong, or an address is taken.
      this.#report({
        kind: 'reload-rolled-back',
        generation: before.number + 1,
        kept: before.number,
        error: reportFailure(error),
      })
    }
  }

  async #stop (cause: string, exitCode: number): Promise<void> {
    if (this.#fleet === undefined) return this.#end(exitCode)
    if (this.#fleet.isStopping) return
    this.#report({ kind: 'stopping', cause })
    // When the last worker stops listening, clients must be refused: nobody would ever answer them.
    this.#sockets.close()
    await this.#fleet.stop()
    this.#end(exitCode)
  }

  #end (exitCode: number): void {
    this.#report({ kind: 'stopped', exitCode })
    this.#exit.resolve(exitCode)
  }

  #status (): unknown {
    if (this.#fleet === undefined) return { pid: process.pid, state: 'starting' }
    return statusOf(this.#fleet, this.#options.clock.now())
  }

  async #writeStatus (): Promise<void> {
    const directory = this.#settings?.stateDirectory
    if (directory === undefined) return
    const file = join(directory, 'status.json')
    try {
      await mkdir(directory, { recursive: true })
      await writeFile(file, `${JSON.stringify(this.#status(), undefined, 2)}\n`)
      this.#report({ kind: 'status-written', file })
    } catch (error) {
      this.#trouble(`the status could not be written to ${file}`, error)
    }
  }

  #report (event: SupervisorEvent): void {
    this.#metrics.note(event)
    if (event.kind === 'listening') {
      this.#sockets.finish(this.#fleet?.generation.settings.socketMode).catch((error: unknown) =>
        this.#trouble('the permissions of a UNIX socket could not be set', error)
      )
    }
    this.#options.report(event)
    if (event.kind === 'booted') queueMicrotask(() => this.#reloadNext())
  }

  #trouble (message: string, error: unknown): void {
    this.#report({ kind: 'trouble', message, error: reportFailure(error) })
  }
}

/** The build turns .ts into .js; a URL made at run time is not rewritten by the compiler. */
function builtOf (source: URL): URL {
  return import.meta.url.endsWith('.ts') ? source : new URL(source.href.replace(/\.ts$/, '.js'))
}
