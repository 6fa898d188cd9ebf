import type { Clock } from './clock.ts'

/** A clock that stands still until it is told to move. For tests. */
export interface ManualClock extends Clock {
  /** Moves time forward, running what falls due on the way in order of its time. */
  readonly advance: (ms: number) => void
  /** Steps the wall clock alone, as an operator or NTP would; monotonic time does not notice. */
  readonly stepEpoch: (ms: number) => void
  /** How many timers wait. */
  readonly pending: () => number
}

interface Entry {
  readonly run: () => void
  readonly everyMs: number | undefined
  dueMs: number
}

/** @param startEpochMs what `epochMs()` says at first; `now()` starts at 0 */
export function manualClock (startEpochMs = 0): ManualClock {
  let nowMs = 0
  let epochOffsetMs = startEpochMs
  const entries = new Set<Entry>()

  function schedule (entry: Entry): () => void {
    entries.add(entry)
    return () => entries.delete(entry)
  }

  /** The earliest entry due by `limitMs`; of two at one time, the one scheduled first. */
  function nextDue (limitMs: number): Entry | undefined {
    let next: Entry | undefined
    for (const entry of entries) {
      if (entry.dueMs <= limitMs && (next === undefined || entry.dueMs < next.dueMs)) next = entry
    }
    return next
  }

  return {
    now: () => nowMs,
    epochMs: () => nowMs + epochOffsetMs,
    after: (ms, run) => schedule({ run, everyMs: undefined, dueMs: nowMs + ms }),
    every: (ms, run) => schedule({ run, everyMs: ms, dueMs: nowMs + ms }),
    advance (ms) {
      const limitMs = nowMs + ms
      for (let entry = nextDue(limitMs); entry !== undefined; entry = nextDue(limitMs)) {
        nowMs = Math.max(nowMs, entry.dueMs)
        if (entry.everyMs === undefined) entries.delete(entry)
        else entry.dueMs += Math.max(entry.everyMs, 1)
        entry.run()
      }
      nowMs = limitMs
    },
    stepEpoch (ms) {
      epochOffsetMs += ms
    },
    pending: () => entries.size,
  }
}
