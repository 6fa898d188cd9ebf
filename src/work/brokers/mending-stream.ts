import { type Clock, fullJitter, type Random, sleep, untilAborted } from '../../kernel/index.ts'
import type { Backlog, Delivery, EventStream } from '../consumers/index.ts'
import { BrokerPartClosedError } from './errors.ts'

/**
 * A stream on one connection. Its `pull` rejects when the connection breaks and when a message was given back: all that
 * is not acknowledged then comes again, in order, to the next one that is opened.
 */
export interface BrittleStream {
  pull(limit: number, signal: AbortSignal): Promise<readonly Delivery[]>
  backlog(): Promise<Backlog>
  close(): Promise<void>
}

export interface MendingOptions {
  /** e.g. `the consumer billing of nats`, for errors. */
  readonly part: string
  readonly horizonMs: number
  /** Opens the next one; ends when the signal aborts. */
  readonly open: (signal: AbortSignal) => Promise<BrittleStream>
  /** Hears why a stream had to be opened anew. */
  readonly onError: (error: unknown) => void
  readonly clock: Clock
  readonly random: Random
}

/** Between attempts to open a stream, in milliseconds. */
const pauses = { baseMs: 100, capMs: 5_000 } as const

/** A stream that outlives its connections. */
export class MendingStream implements EventStream {
  readonly horizonMs: number
  readonly #options: MendingOptions
  readonly #closing: AbortController = new AbortController()
  #opening: Promise<BrittleStream> | undefined
  /** Once it is open. */
  #stream: BrittleStream | undefined
  #failures = 0
  #closed: Promise<void> | undefined

  constructor (options: MendingOptions) {
    this.#options = options
    this.horizonMs = options.horizonMs
  }

  /** Tries until it is open, the signal aborts (it rejects with its reason) or it is closed. */
  async ready (signal: AbortSignal): Promise<BrittleStream> {
    for (;;) {
      signal.throwIfAborted()
      this.#closing.signal.throwIfAborted()
      const opening = this.#opening ??= this.#options.open(this.#closing.signal)
      try {
        return this.#stream = await untilAborted(opening, signal)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        await this.#mend(opening, error, signal)
      }
    }
  }

  async pull (limit: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    while (!signal.aborted) {
      let stream: BrittleStream
      try {
        stream = await this.ready(signal)
      } catch (error) {
        if (signal.aborted) return []
        throw error
      }
      try {
        const deliveries = await stream.pull(limit, signal)
        this.#failures = 0
        return deliveries
      } catch (error) {
        await this.#mend(this.#opening, error, signal).catch(() => {})
      }
    }
    return []
  }

  async backlog (): Promise<Backlog> {
    return await this.#stream?.backlog() ?? { messages: undefined, oldestAtMs: undefined }
  }

  close (): Promise<void> {
    this.#closing.abort(new BrokerPartClosedError(this.#options.part))
    return this.#closed ??= this.#drop(this.#opening)
  }

  async #mend (
    broken: Promise<BrittleStream> | undefined,
    error: unknown,
    signal: AbortSignal
  ): Promise<void> {
    const { onError, clock, random } = this.#options
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason
    if (this.#opening === broken) this.#opening = this.#stream = undefined
    await this.#drop(broken)
    onError(error)
    await sleep(
      clock,
      fullJitter(++this.#failures, pauses, random),
      AbortSignal.any([signal, this.#closing.signal])
    )
  }

  async #drop (opening: Promise<BrittleStream> | undefined): Promise<void> {
    const stream = await opening?.catch(() => undefined)
    await stream?.close().catch(() => {})
  }
}
