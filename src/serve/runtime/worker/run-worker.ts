import cluster from 'node:cluster'
import { type Cancel, type Clock, sleep, systemClock } from '../../../kernel/index.ts'
import { exitCodes } from '../exit-code.ts'
import { type BootOrder, type FromWorker, isOwn, reportFailure, type ToWorker } from '../protocol.ts'
import type { OpenServed, Served } from './served.ts'
import { VitalSigns } from './vital-signs.ts'

export interface RunWorkerOptions {
  /** Boots what is run. It is asked when the order has come, so that its modules load after that. */
  readonly open: OpenServed
  readonly clock?: Clock
}

/** Signals that are meant for the supervisor; a terminal or an init system sends them to the whole group. */
const supervisorSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGTTIN', 'SIGTTOU', 'SIGUSR2'] as const

/**
 * The life of a worker process: it asks for its order, boots, beats, and drains when it is told to or when
 * the supervisor has gone. Call it once, at the start of the process.
 */
export function runWorker (options: RunWorkerOptions): void {
  new WorkerLife(options).begin()
}

class WorkerLife {
  readonly #open: OpenServed
  readonly #clock: Clock
  readonly #farewell: PromiseWithResolvers<void> = Promise.withResolvers()
  #served: Served | undefined
  #stopBeating: Cancel = () => {}
  #beat: () => Promise<void> = async () => {}
  #receiveLocal: (message: unknown) => void = () => {}
  #logFatal: (error: unknown) => void = () => {}
  #ending = false

  constructor ({ open, clock = systemClock }: RunWorkerOptions) {
    this.#open = open
    this.#clock = clock
  }

  begin (): void {
    for (const signal of supervisorSignals) process.on(signal, () => {})
    process.on('uncaughtException', (error) => void this.#fail(error))
    // Whoever reads the other end of the standard error may have gone with the supervisor.
    process.stderr.on('error', () => {})
    cluster.worker?.on('disconnect', () => this.#orphaned())
    process.on('message', (message: unknown) => {
      if (isOwn(message)) void this.#obey(message as ToWorker).catch((error: unknown) => this.#fail(error))
    })
    void this.#send({ plimsoll: 'hello' })
  }

  async #obey (message: ToWorker): Promise<void> {
    if (message.plimsoll === 'boot') await this.#boot(message.order)
    else if (message.plimsoll === 'drain') await this.#drain(message.delayMs)
    else if (message.plimsoll === 'local') this.#receiveLocal(message.message)
    else if (message.plimsoll === 'farewell') this.#farewell.resolve()
    else if (message.plimsoll === 'ticket-keys') this.#served?.setTicketKeys(message.keys)
    else if (this.#served !== undefined) {
      void this.#send({ plimsoll: 'collected', id: message.id, snapshot: this.#served.snapshot() })
    }
  }

  async #boot (order: BootOrder): Promise<void> {
    const startedAtMs = this.#clock.now()
    const served = await this.#open(order, {
      onProgress: (message, share) => {
        void this.#send({ plimsoll: 'progress', message, ...(share === undefined ? {} : { share }) })
      },
      onFatal: (log) => {
        this.#logFatal = log
      },
      local: {
        send: (message) => void this.#send({ plimsoll: 'local', message }),
        onMessage: (receive) => {
          this.#receiveLocal = receive
        },
      },
    })
    this.#served = served
    this.#startBeating(served, order.settings.heartbeat.interval)
    const bootMs = this.#clock.now() - startedAtMs
    await this.#beat()
    void this.#send({ plimsoll: 'ready', addresses: served.addresses, bootMs })
  }

  #startBeating (served: Served, intervalMs: number): void {
    const signs = new VitalSigns({ intervalMs, clock: this.#clock })
    this.#beat = async () => {
      const measured = signs.measure()
      const health = await served.health()
      void this.#send({ plimsoll: 'heartbeat', vitals: { ...measured, ...served.load(), health } })
    }
    this.#stopBeating = this.#clock.every(intervalMs, () => void this.#beat())
  }

  async #drain (delayMs: number): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    const served = this.#served
    if (served === undefined) return this.#exit(exitCodes.ok)
    served.announceDrain()
    await this.#beat()
    await sleep(this.#clock, delayMs)
    const cut = await served.drain()
    await this.#send({ plimsoll: 'drained', cut, snapshot: served.snapshot() })
    if (process.connected) await this.#farewell.promise
    await this.#send({ plimsoll: 'gone' })
    this.#exit(exitCodes.ok)
  }

  /** The supervisor has gone without a word: nobody would replace or watch this process, so it ends in good order. */
  #orphaned (): void {
    // Otherwise node:cluster ends the process on the spot, with requests in its hands.
    if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true
    this.#farewell.resolve()
    void this.#drain(0).catch((error: unknown) => this.#fail(error))
  }

  async #fail (error: unknown): Promise<void> {
    const first = !this.#ending || this.#served !== undefined
    this.#ending = true
    if (!first) return
    // What stops a boot is the supervisor's to tell, once; what ends a worker that serves is in its log too.
    if (this.#served !== undefined) this.#logFatal(error)
    await this.#send({ plimsoll: 'failed', error: reportFailure(error) })
    this.#exit(this.#served === undefined ? exitCodes.bootFailed : exitCodes.failed)
  }

  #exit (code: number): void {
    this.#stopBeating()
    process.exit(code)
  }

  /** Resolves when the message has been written, or cannot be. */
  #send (message: FromWorker): Promise<void> {
    return new Promise((resolve) => {
      if (!process.connected || process.send === undefined) return resolve()
      process.send(message, undefined, undefined, () => resolve())
    })
  }
}
