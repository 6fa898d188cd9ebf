import { Readable } from 'node:stream'
import { type BackoffLimits, type Clock, fullJitter, type Random, sleep } from '../../../kernel/index.ts'
import { StoreUnavailableError } from './errors.ts'

/** What a body is read from, and how long that may take. */
export interface BodySource {
  /** What is being done, to follow "could not". */
  readonly task: string
  /** The answer whose body has not been read yet. */
  readonly first: Response
  /** Which byte of the file its first one is. */
  readonly start: number
  /** The last byte that is wanted; undefined where that is not known. */
  readonly end: number | undefined
  /** Opens the rest from a byte on; it throws rather than give bytes of another file than `etag` names. */
  readonly reopen: (from: number, etag: string, signal: AbortSignal) => Promise<Response>
  /** Ends it. */
  readonly signal: AbortSignal | undefined
  /** The longest wait for the next bytes, in milliseconds. */
  readonly idleMs: number
  /** The longest wait for each 8 MiB, in milliseconds. */
  readonly timeoutMs: number
  readonly pauses: BackoffLimits
  readonly clock: Clock
  readonly random: Random
}

/** So many tries has each stretch of a body. */
const triesMost = 5
/** How much has to come in `timeoutMs`; then tries and time are counted anew. */
const stretchBytes = 8 * 1024 * 1024

/**
 * The body of a download. One that breaks off, or brings nothing for too long, is opened anew from where it was: a
 * store, or what lies before it, can fall silent in the middle of an answer, and a connection that nobody closes stays.
 *
 * Only what the store takes is counted, not how long a reader leaves the bytes alone.
 */
export class S3Body extends Readable {
  readonly #source: BodySource
  readonly #etag: string | null
  /** Aborts when nobody reads any more. */
  readonly #left = new AbortController()
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #at: number
  #failures = 0
  #stretch = 0
  #waitedMs = 0

  constructor (source: BodySource) {
    super()
    this.#source = source
    this.#etag = source.first.headers.get('etag')
    this.#reader = source.first.body?.getReader()
    this.#at = source.start
    source.signal?.addEventListener('abort', this.#stop, { once: true })
    if (source.signal?.aborted === true) this.#stop()
  }

  override _read (): void {
    this.#next().then(
      (piece) => this.push(piece ?? null),
      (error: unknown) => this.destroy(error as Error)
    )
  }

  override _destroy (error: Error | null, callback: (error?: Error | null) => void): void {
    this.#source.signal?.removeEventListener('abort', this.#stop)
    this.#left.abort(error ?? undefined)
    this.#drop()
    callback(error)
  }

  readonly #stop = (): void => void this.destroy(this.#source.signal?.reason as Error)

  /** @returns undefined at the end */
  async #next (): Promise<Uint8Array | undefined> {
    const { task, end = Number.POSITIVE_INFINITY, clock, random, pauses, reopen } = this.#source
    while (this.#at <= end) {
      try {
        return await this.#wait()
      } catch (error) {
        const { signal } = this.#left
        signal.throwIfAborted()
        this.#drop()
        if (this.#etag === null || ++this.#failures === triesMost)
          throw new StoreUnavailableError(task, reasonOf(error), error)
        await sleep(clock, fullJitter(this.#failures, pauses, random), signal)
        this.#reader = (await reopen(this.#at, this.#etag, signal)).body?.getReader()
        this.#waitedMs = 0
      }
    }
    return undefined
  }

  async #wait (): Promise<Uint8Array | undefined> {
    const { clock, idleMs, timeoutMs, end } = this.#source
    const sinceMs = clock.now()
    let isLate = false
    const cancel = clock.after(Math.max(0, Math.min(idleMs, timeoutMs - this.#waitedMs)), () => {
      isLate = true
      this.#drop() // which ends the read
    })
    try {
      const piece = (await this.#reader?.read())?.value
      if (isLate) throw new Error('it stalled in the middle of its answer')
      if (piece === undefined && end !== undefined) throw new Error('its answer ended early')
      this.#count(piece?.length ?? 0)
      return piece
    } finally {
      cancel()
      this.#waitedMs += clock.now() - sinceMs
    }
  }

  #count (bytes: number): void {
    this.#at += bytes
    this.#stretch += bytes
    if (this.#stretch < stretchBytes) return
    this.#stretch = 0
    this.#waitedMs = 0
    this.#failures = 0
  }

  #drop (): void {
    this.#reader?.cancel().catch(() => {})
    this.#reader = undefined
  }
}

function reasonOf (error: unknown): string {
  return error instanceof Error && error.message !== 'terminated' ? error.message : 'its answer broke off'
}
