import type { LogPosition } from '../events/index.ts'

interface Pending {
  readonly position: LogPosition
  done: boolean
}

/**
 * How far a reader of the log has come for good: up to the first event that is not done, however many behind it are.
 */
export class ShardProgress {
  #pending: Pending[] = []
  /** Entries of `pending` before this one are done. */
  #first = 0
  #done: LogPosition
  #read: LogPosition
  #finished = 0

  constructor (start: LogPosition) {
    this.#done = start
    this.#read = start
  }

  /** Up to and with which all has been read. */
  get read (): LogPosition {
    return this.#read
  }

  /** Up to and with which nothing needs to be read again. */
  get done (): LogPosition {
    return this.#done
  }

  /** Events that need not be read again. */
  get finished (): number {
    return this.#finished
  }

  /** Events that were handed out and are not done, or wait for one before them. */
  get size (): number {
    return this.#pending.length - this.#first
  }

  /** Hands out an event. @returns what to call when it is done */
  hand (position: LogPosition): () => void {
    const pending = { position, done: false }
    this.#pending.push(pending)
    return () => {
      pending.done = true
      this.#advance()
    }
  }

  /** All up to here has been read, and handed out where it was of interest. */
  reach (position: LogPosition): void {
    this.#read = position
    this.#advance()
  }

  #advance (): void {
    for (let next = this.#pending[this.#first]; next?.done === true; next = this.#pending[this.#first]) {
      this.#done = next.position
      this.#first++
      this.#finished++
    }
    if (this.#first === this.#pending.length) this.#done = this.#read
    if (this.#first < 1_000 && this.#first < this.#pending.length) return
    this.#pending = this.#pending.slice(this.#first)
    this.#first = 0
  }
}
