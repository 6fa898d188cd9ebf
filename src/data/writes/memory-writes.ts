import { type Cancel, fullJitter, runWithoutContext, sleep } from '../../kernel/index.ts'
import { transaction } from '../transaction/index.ts'
import { CoalescingBuffer } from './coalescing-buffer.ts'
import { WriteBehindClosedError, WritesLostError } from './errors.ts'
import { Room } from './room.ts'
import type { WriteParts } from './write-parts.ts'

const retry = { baseMs: 50, capMs: 2_000 } as const

/** Writes that wait in this process's memory; see `Durability`. */
export class MemoryWrites<Value> {
  readonly #parts: WriteParts<Value>
  readonly #buffer: CoalescingBuffer<Value>
  readonly #room = new Room()
  /** The batch under way. */
  #applying: Promise<void> | undefined
  /** How many keys are in it: they come back when it fails, so they take room until then. */
  #taken = 0
  #failures = 0
  #cancel: Cancel | undefined
  #closed = false

  constructor (parts: WriteParts<Value>) {
    this.#parts = parts
    this.#buffer = new CoalescingBuffer(parts.merge)
  }

  get waiting (): number {
    return this.#buffer.size + this.#taken
  }

  async prepare (): Promise<void> {}

  async write (key: string, value: Value, signal?: AbortSignal): Promise<void> {
    const { name, buffer, counts, clock } = this.#parts
    for (
      let waited = false;
      !this.#closed && this.waiting >= buffer && !this.#buffer.has(key);
      waited = true
    ) {
      if (!waited) counts.waits.add()
      await this.#room.wait(signal)
    }
    if (this.#closed) throw new WriteBehindClosedError(name)
    this.#buffer.add(key, value, clock.now())
    counts.accepted.add()
    this.#schedule()
  }

  async flush (): Promise<void> {
    // What is under way was accepted before, too.
    await this.#applying
    let rest = this.#buffer.size
    while (rest > 0) {
      rest -= this.#parts.batch
      await this.#applyNext()
    }
  }

  async close (): Promise<void> {
    const { clock, closeWithinMs, name } = this.#parts
    this.#closed = true
    this.#room.open()
    const endMs = clock.now() + closeWithinMs
    for (;;) {
      try {
        return await this.flush().finally(() => this.#cancel?.())
      } catch (error) {
        const waitMs = fullJitter(this.#failures, retry, this.#parts.random)
        if (clock.now() + waitMs >= endMs) throw new WritesLostError(name, this.waiting, error)
        await sleep(clock, waitMs)
      }
    }
  }

  #schedule (): void {
    const { batch, maxDelayMs, clock, random } = this.#parts
    const { sinceMs, size } = this.#buffer
    if (sinceMs === undefined || this.#applying !== undefined || this.#closed) return
    const isFull = size >= batch && this.#failures === 0
    if (this.#cancel !== undefined && !isFull) return
    this.#cancel?.()
    const waitMs = this.#failures > 0 ?
      fullJitter(this.#failures, retry, random) :
      isFull ?
      0 :
      Math.max(0, sinceMs + maxDelayMs - clock.now())
    this.#cancel = runWithoutContext(() =>
      clock.after(waitMs, () => {
        this.#cancel = undefined
        // It has been told, and is tried again.
        this.#applyNext().catch(() => {})
      })
    )
  }

  /** One batch after the other: the writes to a key are applied in their order. @throws why it could not */
  async #applyNext (): Promise<void> {
    while (this.#applying !== undefined) await this.#applying.catch(() => {})
    this.#applying = runWithoutContext(() => this.#apply())
    try {
      await this.#applying
    } finally {
      this.#applying = undefined
      this.#room.open()
      this.#schedule()
    }
  }

  async #apply (): Promise<void> {
    const { pool, apply, applied, batch, counts, onFailed, clock } = this.#parts
    const sinceMs = this.#buffer.sinceMs ?? clock.now()
    const taken = this.#buffer.take(batch)
    if (taken.size === 0) return
    this.#taken = taken.size
    const writes = [...taken].map(([key, value]) => ({ key, value }))
    try {
      await transaction(pool, (tx) => apply(tx, writes))
      this.#failures = 0
      counts.applied.add(writes.length)
    } catch (error) {
      this.#failures++
      this.#buffer.putBack(taken, sinceMs)
      counts.failures.add()
      onFailed(error)
      throw error
    } finally {
      this.#taken = 0
    }
    await applied(writes)
  }
}
