import { type Clock, systemClock } from '../../kernel/index.ts'
import type { StoredAnswer } from './answer.ts'
import type { Claim, Claimed, IdempotencyStore, KeyLease, Released } from './store.ts'

interface Row {
  readonly fingerprint: Buffer
  readonly token: bigint
  readonly expiresMs: number
  leaseEndsMs: number
  marked: boolean
  answer: StoredAnswer | undefined
}

/**
 * Keys in this process's memory, gone with it. For tests, and for a single worker in development: it promises
 * nothing over a restart and knows nothing of other workers.
 */
export function memoryIdempotencyStore (
  { clock = systemClock }: { clock?: Clock } = {}
): IdempotencyStore<never> {
  const rows = new Map<string, Row>()
  let lastToken = 0n
  const idOf = (key: Buffer): string => key.toString('latin1')

  /** The row of a lease that still holds its key, settled or not. */
  function rowOf ({ key, token }: KeyLease): Row | undefined {
    const row = rows.get(idOf(key))
    return row?.token === token ? row : undefined
  }

  function settle (lease: KeyLease, answer: StoredAnswer): boolean {
    const row = rowOf(lease)
    if (row === undefined || row.answer !== undefined) return false
    row.answer = answer
    return true
  }

  function claim ({ key, fingerprint, leaseMs, keepMs }: Claim): Claimed {
    const nowMs = clock.now()
    const row = rows.get(idOf(key))
    const isLive = row !== undefined && !isExpired(row, nowMs)
    if (isLive) {
      if (!row.fingerprint.equals(fingerprint)) return { kind: 'reused' }
      if (row.answer !== undefined) return { kind: 'answered', answer: row.answer }
      if (row.leaseEndsMs > nowMs) return { kind: 'held', leaseLeftMs: row.leaseEndsMs - nowMs }
    }
    const token = ++lastToken
    const marked = isLive && row.marked
    rows.set(idOf(key), {
      fingerprint,
      token,
      expiresMs: nowMs + keepMs,
      leaseEndsMs: nowMs + leaseMs,
      marked,
      answer: undefined,
    })
    return {
      kind: 'taken',
      lease: { key, token },
      previous: isLive ? (marked ? 'unknown' : 'lapsed') : 'none',
    }
  }

  function release (lease: KeyLease): Released {
    const row = rowOf(lease)
    if (row === undefined) return { kind: 'lost' }
    if (row.answer !== undefined) return { kind: 'answered', answer: row.answer }
    if (row.marked) row.leaseEndsMs = clock.now()
    else rows.delete(idOf(lease.key))
    return { kind: 'released' }
  }

  const close = async (): Promise<void> => rows.clear()
  return {
    name: 'memory',
    transactions: undefined,
    async prepare () {},
    claim: async (wish) => claim(wish),
    async renew (leases, leaseMs) {
      return leases.filter((lease) => {
        const row = rowOf(lease)
        if (row === undefined || row.answer !== undefined) return true
        row.leaseEndsMs = clock.now() + leaseMs
        return false
      })
    },
    async mark (lease) {
      const row = rowOf(lease)
      if (row === undefined || row.answer !== undefined) return false
      row.marked = true
      return true
    },
    settle: async (lease, answer) => settle(lease, answer),
    release: async (lease) => release(lease),
    async sweep (limit) {
      const nowMs = clock.now()
      const gone = [...rows].filter(([, row]) => isExpired(row, nowMs)).slice(0, limit)
      for (const [id] of gone) rows.delete(id)
      return gone.length
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Its time is over, and nobody runs under it. */
function isExpired ({ expiresMs, answer, leaseEndsMs }: Row, nowMs: number): boolean {
  return expiresMs <= nowMs && (answer !== undefined || leaseEndsMs <= nowMs)
}
