import { type Clock, systemClock } from './clock.ts'

/** A part that starts after those before it, and closes before them. */
export interface LifecyclePart {
  readonly name: string
  readonly start?: () => void | Promise<void>
  readonly close?: () => void | Promise<void>
}

/** Some parts could not be closed; every other part was. */
export class CloseError extends AggregateError {
  override readonly name = 'CloseError'
  readonly code = 'CLOSE_FAILED'
}

/**
 * Starts parts in the order in which they were added and closes them in reverse. When one fails to start,
 * those already started are closed before the error is passed on, so a failed boot leaves nothing behind.
 */
export class Lifecycle implements AsyncDisposable {
  readonly #clock: Clock
  readonly #closeTimeoutMs: number
  readonly #parts: LifecyclePart[] = []
  #closing: Promise<void> | undefined

  /** @param options.closeTimeoutMs what one part may take to close before the next one's turn; 10 s */
  constructor (
    { clock = systemClock, closeTimeoutMs = 10_000 }: { clock?: Clock; closeTimeoutMs?: number } = {}
  ) {
    this.#clock = clock
    this.#closeTimeoutMs = closeTimeoutMs
  }

  /** Starts a part now; it is closed with the rest, even when `close()` is called while it starts. */
  async start (part: LifecyclePart): Promise<void> {
    if (this.#closing !== undefined) throw new Error(`${part.name} cannot start: the lifecycle is closing`)
    this.#parts.push(part)
    try {
      await part.start?.()
    } catch (error) {
      this.#parts.splice(this.#parts.indexOf(part), 1)
      await this.close()
      throw error
    }
  }

  /** Closes all parts, latest first. Every part gets its turn; a second call awaits the first. */
  close (): Promise<void> {
    this.#closing ??= this.#closeAll()
    return this.#closing
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  async #closeAll (): Promise<void> {
    const errors: Error[] = []
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      try {
        await this.#closeInTime(part)
      } catch (error) {
        errors.push(new Error(`${part.name} did not close`, { cause: error }))
      }
    }
    if (errors.length > 0) throw new CloseError(errors, errors.map(({ message }) => message).join('; '))
  }

  async #closeInTime (part: LifecyclePart): Promise<void> {
    const late = Promise.withResolvers<void>()
    const cancel = this.#clock.after(this.#closeTimeoutMs, () => {
      late.reject(new Error(`still closing after ${this.#closeTimeoutMs} ms`))
    })
    try {
      await Promise.race([part.close?.(), late.promise])
    } finally {
      cancel()
    }
  }
}
