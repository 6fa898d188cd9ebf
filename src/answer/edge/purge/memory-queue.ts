import { type Clock, SettingError, systemClock } from '../../../kernel/index.ts'
import type { NewPurge, PurgeDepth, PurgeQueue } from './purge-queue.ts'

export interface MemoryPurgeQueueOptions {
  /** Purges that may wait; beyond, enqueueing fails. @default 100000 */
  readonly limit?: number
  /** @default the system's clock */
  readonly clock?: Clock
}

/** Too many purges wait in this process's memory. */
export class PurgeQueueFullError extends Error {
  override readonly name = 'PurgeQueueFullError'
  readonly code = 'EDGE_PURGE_QUEUE_FULL'
  readonly limit: number

  constructor (limit: number) {
    super(`${limit} purges wait for edges that do not accept them; this one was not taken`)
    this.limit = limit
  }
}

interface Entry extends NewPurge {
  readonly id: string
  readonly madeMs: number
  dueMs: number
  pass: number
  tries: number
}

/**
 * Purges in this process's memory, for services without a database: they outlive failures of an edge, and nothing
 * else. What waits when the process ends is lost, so that stale pages stay until their time is over.
 *
 * @throws SettingError
 */
export function memoryPurgeQueue (
  { limit = 100_000, clock = systemClock }: MemoryPurgeQueueOptions = {}
): PurgeQueue<
  undefined
> {
  if (!(Number.isSafeInteger(limit) && limit >= 1)) {
    throw new SettingError('memoryPurgeQueue.limit', 'a whole number of at least 1', limit)
  }
  const entries = new Map<string, Entry>()
  let made = 0

  function each (ids: readonly string[], change: (entry: Entry) => void): void {
    for (const id of ids) {
      const entry = entries.get(id)
      if (entry !== undefined) change(entry)
    }
  }

  return {
    durable: false,
    async prepare () {},
    async enqueue (_tx, purges) {
      if (entries.size + purges.length > limit) throw new PurgeQueueFullError(limit)
      const nowMs = clock.now()
      for (const purge of purges) {
        const id = String(++made)
        entries.set(id, { ...purge, id, madeMs: nowMs, dueMs: nowMs, pass: 1, tries: 0 })
      }
    },
    async claim (purger, atMost, leaseMs) {
      const nowMs = clock.now()
      const due = [...entries.values()].filter((entry) => entry.purger === purger && entry.dueMs <= nowMs)
      return due.toSorted((a, b) => a.dueMs - b.dueMs).slice(0, atMost).map((entry) => {
        entry.dueMs = nowMs + leaseMs
        entry.tries++
        const { id, tag, mode, pass, tries } = entry
        return { id, purger, tag, mode, pass, tries, ageMs: nowMs - entry.madeMs }
      })
    },
    async settle (ids) {
      for (const id of ids) entries.delete(id)
    },
    async repeat (ids, afterMs) {
      each(ids, (entry) => Object.assign(entry, { pass: 2, tries: 0, dueMs: clock.now() + afterMs }))
    },
    async postpone (ids, afterMs) {
      each(ids, (entry) => {
        entry.dueMs = clock.now() + afterMs
      })
    },
    async depths () {
      const first = [...entries.values()].filter(({ pass }) => pass === 1)
      return [...Map.groupBy(first, ({ purger }) => purger)].map(([purger, waiting]): PurgeDepth => ({
        purger,
        waiting: waiting.length,
        oldestMs: clock.now() - Math.min(...waiting.map(({ madeMs }) => madeMs)),
      }))
    },
  }
}
