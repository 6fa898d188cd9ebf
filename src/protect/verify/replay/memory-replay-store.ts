import { type Clock, SettingError, systemClock } from '../../../kernel/index.ts'
import type { ReplayAnswer, ReplayStore } from './store.ts'

export interface MemoryReplayOptions {
  /** Nonces remembered at once; about 150 bytes each. @default 100,000 */
  readonly capacity?: number
  readonly clock?: Clock
}

/** How often a full store looks through all it has, in milliseconds, rather than at the oldest alone. */
const sweepEveryMs = 1_000

/**
 * Nonces in the memory of this process: exact, and bounded. **Each worker has its own**, so with N workers a
 * request can be replayed N - 1 times; with more than one, use Redis or the store of the local engine.
 *
 * The expired are dropped, oldest first, two for each one that comes, so that no call has to wait for a sweep
 * until the store is full.
 */
export function memoryReplayStore (options: MemoryReplayOptions = {}): ReplayStore {
  const { capacity = 100_000, clock = systemClock } = options
  if (!(Number.isInteger(capacity) && capacity > 0)) {
    throw new SettingError('replay.capacity', 'a whole number above 0', capacity)
  }
  /** When each is forgotten, in the order in which they came. */
  const until = new Map<string, number>()
  let nextSweepMs = -Infinity

  function dropExpired (nowMs: number, most: number): void {
    let looked = 0
    for (const [key, untilMs] of until) {
      if (looked++ === most) return
      if (untilMs <= nowMs) until.delete(key)
    }
  }

  function remember (key: string, ttlMs: number): ReplayAnswer {
    const nowMs = clock.now()
    const known = until.get(key)
    if (known !== undefined && known > nowMs) return 'seen'
    until.delete(key)
    dropExpired(nowMs, 2)
    if (until.size >= capacity) {
      if (nowMs < nextSweepMs) return 'full'
      nextSweepMs = nowMs + sweepEveryMs
      dropExpired(nowMs, Infinity)
      if (until.size >= capacity) return 'full'
    }
    until.set(key, nowMs + ttlMs)
    return 'new'
  }

  function close (): Promise<void> {
    until.clear()
    return Promise.resolve()
  }

  return { name: 'memory', remember, close, [Symbol.asyncDispose]: close }
}
