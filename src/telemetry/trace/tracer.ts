import {
  type Cancel,
  type Clock,
  type Random,
  SettingError,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'
import { type SpanExporter, SpanExportError } from './exporter.ts'
import { RecordingSpan, type SpanStart } from './recording-span.ts'
import type { FinishedSpan, Span, TraceResource } from './span.ts'

export interface TracerOptions {
  /** Where spans go; closed with the tracer. @default none: nothing is recorded */
  readonly exporter?: SpanExporter | undefined
  /** Share of the traces that start here to be recorded, 0 to 1. @default 0.01 */
  readonly sampleRatio?: number
  /** @default the system's clock */
  readonly clock?: Clock
  /** @default the system's randomness */
  readonly random?: Random
  /** @default `{ name: 'unknown_service:node' }`, as OpenTelemetry's SDKs */
  readonly resource?: { readonly name: string; readonly version?: string | undefined }
  /** Finished spans that may wait to be sent; further ones are dropped. @default 2048 */
  readonly queueLimit?: number
  /** Spans sent at a time; so many waiting start a batch at once. @default 512 */
  readonly batchSize?: number
  /** Longest wait of a span before it is sent, in milliseconds. @default 5000 */
  readonly flushMs?: number
  /** Longest time a batch may take to be sent, in milliseconds. @default 30000 */
  readonly exportTimeoutMs?: number
  /** Longest time that `close` may take, in milliseconds. @default 5000 */
  readonly closeTimeoutMs?: number
}

/**
 * Records spans of sampled work and sends them in batches. A collector that is slow or down costs spans,
 * never a request: what finds no room is dropped and counted.
 *
 * Ask {@link decide} for a trace that starts here, follow the caller's decision otherwise, and call
 * {@link start} for sampled work only.
 */
export class Tracer {
  readonly #exporter: SpanExporter | undefined
  readonly #sampleRatio: number
  readonly #clock: Clock
  readonly #random: Random
  readonly #resource: TraceResource
  readonly #queueLimit: number
  readonly #batchSize: number
  readonly #flushMs: number
  readonly #exportTimeoutMs: number
  readonly #closeTimeoutMs: number
  readonly #queue: FinishedSpan[] = []
  readonly #stopping: AbortController = new AbortController()
  #timer: Cancel | undefined
  #sending: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #exported = 0
  #dropped = 0

  /** @throws SettingError */
  constructor (options: TracerOptions = {}) {
    const { exporter, sampleRatio = 0.01, clock = systemClock, random = systemRandom, resource } = options
    if (!(sampleRatio >= 0 && sampleRatio <= 1)) {
      throw new SettingError('trace.sample', 'a number from 0 to 1', sampleRatio)
    }
    this.#exporter = exporter
    this.#sampleRatio = sampleRatio
    this.#clock = clock
    this.#random = random
    this.#resource = { name: resource?.name ?? 'unknown_service:node', version: resource?.version }
    this.#queueLimit = atLeastOne('trace queueLimit', options.queueLimit ?? 2048)
    this.#batchSize = atLeastOne('trace batchSize', options.batchSize ?? 512)
    this.#flushMs = options.flushMs ?? 5_000
    this.#exportTimeoutMs = options.exportTimeoutMs ?? 30_000
    this.#closeTimeoutMs = options.closeTimeoutMs ?? 5_000
  }

  /** Spans that have reached the collector. */
  get exported (): number {
    return this.#exported
  }

  /** Spans that were lost: no room in the queue, refused by the collector, or too late at the end. */
  get dropped (): number {
    return this.#dropped
  }

  /** Whether a trace that starts here is recorded. Never without an exporter. */
  decide (): boolean {
    return this.#exporter !== undefined && this.#sampleRatio > 0 && this.#random() < this.#sampleRatio
  }

  /** Starts a span of sampled work. It counts for nothing until it is ended. */
  start (start: SpanStart): Span {
    return new RecordingSpan(start, this.#resource, this.#clock, (span) => this.#enqueue(span))
  }

  /**
   * Sends what waits, then closes the exporter, within `closeTimeoutMs`; what is not sent by then is
   * dropped. It never throws: a service must be able to stop while its collector is down.
   */
  close (): Promise<void> {
    this.#closing ??= this.#closeInTime()
    return this.#closing
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  #enqueue (span: FinishedSpan): void {
    if (this.#exporter === undefined) return
    if (this.#closing !== undefined || this.#queue.length >= this.#queueLimit) {
      this.#dropped++
      return
    }
    this.#queue.push(span)
    if (this.#queue.length === 1) this.#schedule(this.#flushMs)
    else if (this.#queue.length === this.#batchSize) this.#schedule(0)
  }

  /** A timer even for 0: the request that filled the batch does not pay for writing it. */
  #schedule (ms: number): void {
    this.#timer?.()
    this.#timer = this.#clock.after(ms, () => {
      this.#timer = undefined
      this.#sending ??= this.#sendAll().finally(() => {
        this.#sending = undefined
        if (this.#queue.length > 0) this.#schedule(this.#flushMs)
      })
    })
  }

  /** Sends what waits now, batch after batch; full batches that come meanwhile go too. */
  async #sendAll (): Promise<void> {
    do await this.#send(this.#queue.splice(0, this.#batchSize))
    while (this.#queue.length >= this.#batchSize || (this.#closing !== undefined && this.#queue.length > 0))
  }

  async #send (batch: readonly FinishedSpan[]): Promise<void> {
    if (batch.length === 0 || this.#exporter === undefined) return
    const late = new AbortController()
    const cancel = this.#clock.after(this.#exportTimeoutMs, () => {
      late.abort(new SpanExportError(`no answer within ${this.#exportTimeoutMs} ms`, batch.length))
    })
    const signal = AbortSignal.any([late.signal, this.#stopping.signal])
    try {
      await Promise.race([this.#exporter.export(batch, signal), rejection(signal)])
      this.#exported += batch.length
    } catch (error) {
      const lost = error instanceof SpanExportError ? error.lost : batch.length
      this.#dropped += lost
      this.#exported += batch.length - lost
    } finally {
      cancel()
    }
  }

  async #closeInTime (): Promise<void> {
    const cancel = this.#clock.after(this.#closeTimeoutMs, () => {
      this.#stopping.abort(new Error(`the tracer was closed before the spans were sent`))
      this.#dropped += this.#queue.splice(0).length
    })
    this.#timer?.()
    try {
      await this.#sending
      if (this.#queue.length > 0) await this.#sendAll()
      if (this.#exporter !== undefined) {
        await Promise.race([this.#exporter.close(), rejection(this.#stopping.signal)])
      }
    } catch {
      // The exporter could not be closed, or not in time: the process is about to go anyway.
    } finally {
      cancel()
      this.#timer?.()
    }
  }
}

/** Rejects with the signal's reason; never resolves. */
function rejection (signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function atLeastOne (setting: string, value: number): number {
  if (!(Number.isInteger(value) && value >= 1)) {
    throw new SettingError(setting, 'a whole number of at least 1', value)
  }
  return value
}
