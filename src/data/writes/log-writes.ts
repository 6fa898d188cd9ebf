import { type Cancel, fullJitter, runWithoutContext, sleep } from '../../kernel/index.ts'
import { CoalescingBuffer } from './coalescing-buffer.ts'
import { WriteBehindClosedError } from './errors.ts'
import { Room } from './room.ts'
import type { LoggedWrite, WriteLog } from './write-log.ts'
import type { BufferedWrite, WriteParts } from './write-parts.ts'

interface Waiting extends LoggedWrite {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const retry = { baseMs: 50, capMs: 2_000 } as const
/** How often a process that has written nothing looks for what others have left, in milliseconds. */
const lookEveryMs = 1_000
/** How long to wait for another process that applies, in milliseconds. */
const busyMs = 20
/** Rows that are taken for each key of a batch: many writes to few keys are what this is for. */
const rowsAKey = 10

/** Writes that are accepted once they are in the log, and applied from there; see `Durability`. */
export class LogWrites<Value> {
  readonly #parts: WriteParts<Value>
  readonly #log: WriteLog<Value>
  readonly #room = new Room()
  /** Not yet committed: those that come while a commit is under way share the next one. */
  #queue: Waiting[] = []
  #inserting = 0
  #draining: Promise<boolean> | undefined
  #failures = 0
  #dueMs = Number.POSITIVE_INFINITY
  #cancel: Cancel | undefined
  #closed = false

  constructor (parts: WriteParts<Value>, log: WriteLog<Value>) {
    this.#parts = parts
    this.#log = log
  }

  get waiting (): number {
    return this.#queue.length + this.#inserting
  }

  async prepare (): Promise<void> {
    await this.#log.prepare()
    this.#drainIn(this.#parts.maxDelayMs)
  }

  async write (key: string, value: Value, signal?: AbortSignal): Promise<void> {
    const { name, buffer, counts } = this.#parts
    const json = JSON.stringify(value)
    for (let waited = false; !this.#closed && this.waiting >= buffer; waited = true) {
      if (!waited) counts.waits.add()
      await this.#room.wait(signal)
    }
    if (this.#closed) throw new WriteBehindClosedError(name)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#queue.push({ key, json, resolve, reject })
    if (this.#inserting === 0) void runWithoutContext(() => this.#insertAll())
    await promise
    counts.accepted.add()
  }

  /** Together with what others have left. */
  async flush (): Promise<void> {
    await this.#draining?.catch(() => {})
    // Whoever else drains may have begun before the last write here.
    while (!await this.#drainOnce()) await sleep(this.#parts.clock, busyMs)
  }

  /** What is not yet applied stays in the log. */
  async close (): Promise<void> {
    this.#closed = true
    this.#room.open()
    this.#cancel?.()
    // Whoever waits for a commit is told by it, and nobody else comes.
    while (this.waiting > 0) await sleep(this.#parts.clock, 1)
    await this.flush().catch(() => {})
    this.#cancel?.()
  }

  async #insertAll (): Promise<void> {
    while (this.#queue.length > 0) {
      const writes = this.#queue.splice(0, this.#parts.batch)
      this.#inserting = writes.length
      try {
        await this.#log.append(writes)
        for (const { resolve } of writes) resolve()
        this.#drainIn(this.#parts.maxDelayMs)
      } catch (error) {
        for (const { reject } of writes) reject(error)
      }
      this.#inserting = 0
      this.#room.open()
    }
  }

  #drainIn (ms: number): void {
    const { clock } = this.#parts
    const dueMs = clock.now() + ms
    if (this.#closed || this.#draining !== undefined || this.#dueMs <= dueMs) return
    this.#cancel?.()
    this.#dueMs = dueMs
    this.#cancel = runWithoutContext(() => clock.after(ms, () => void this.#drainOnce().catch(() => {})))
  }

  /** @returns whether all was applied; not so while another process is at it */
  #drainOnce (): Promise<boolean> {
    this.#cancel?.()
    this.#dueMs = Number.POSITIVE_INFINITY
    this.#draining ??= runWithoutContext(() => this.#drain()).finally(() => {
      this.#draining = undefined
      this.#drainIn(this.#failures > 0 ? fullJitter(this.#failures, retry, this.#parts.random) : lookEveryMs)
    })
    return this.#draining
  }

  async #drain (): Promise<boolean> {
    const { counts, onFailed, batch } = this.#parts
    try {
      for (;;) {
        const taken = await this.#drainSome(rowsAKey * batch)
        this.#failures = 0
        if (taken === undefined) return false
        if (taken < rowsAKey * batch) return true
      }
    } catch (error) {
      this.#failures++
      counts.failures.add()
      onFailed(error)
      throw error
    }
  }

  async #drainSome (rows: number): Promise<number | undefined> {
    const { apply, applied, batch, merge, counts } = this.#parts
    let writes: readonly BufferedWrite<Value>[] = []
    const taken = await this.#log.drain(rows, async (tx, logged) => {
      const merged = new CoalescingBuffer(merge)
      for (const { key, value } of logged) merged.add(key, value, 0)
      writes = [...merged.take(rows)].map(([key, value]) => ({ key, value }))
      for (let first = 0; first < writes.length; first += batch)
        await apply(tx, writes.slice(first, first + batch))
    })
    counts.applied.add(writes.length)
    await applied(writes)
    return taken
  }
}
