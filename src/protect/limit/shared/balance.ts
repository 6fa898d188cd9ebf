import type { Account, Ask, Entry } from './ledger.ts'

/** An account's state as the local engine keeps it: plain JSON. */
export type State =
  /** Rate: the theoretical arrival time. */
  | number
  /** Sliding: window, current, previous. */
  | readonly [window: number, current: number, previous: number]
  /** Quota: end of the period, used. */
  | readonly [endsAtMs: number, used: number]
  /** Slots: by worker, how many, and when they are free unless it is heard of. */
  | { readonly [worker: string]: readonly [slots: number, expiresAtMs: number] }

export interface Terms {
  readonly worker: string
  readonly workers: number
  readonly leaseShare: number
  readonly workerLifeMs: number
}

/** What an ask would come to. */
export interface Balance extends Entry {
  readonly granted: boolean
  /** The state to keep; the one that was there, when nothing changes. */
  readonly next: State | undefined
  /** How long the state says anything, in milliseconds; above 0. */
  readonly ttlMs: number
}

type Reading = Pick<Entry, 'left' | 'waitMs' | 'validMs'> & {
  /** The state after `spent` more, and when it is as new. */
  readonly after: (spent: number) => { next: State | undefined; resetMs: number; ttlMs: number }
}

/** Rounding of sums of times, as in gcra.ts. */
const slackMs = 2 ** -10
/** Two workers' ideas of one period's end differ by less. */
const periodSlackMs = 3_600_000
const longestMs = 2 ** 52

/**
 * What one ask makes of a state: the arithmetic of redis-script.ts, for a ledger that has no scripts. Pure.
 *
 * @param nowMs milliseconds since the epoch, on a clock that all workers share
 */
export function balance (ask: Ask, state: State | undefined, terms: Terms, nowMs: number): Balance {
  const { account, take, want, back } = ask
  const { left, waitMs, validMs, after } = read(account, state, ask, terms, nowMs)
  const granted = take === 0 || waitMs <= 0
  const { workers, leaseShare } = terms
  const room = Math.floor((left - take) / workers)
  const cap = Math.floor(leaseShare * account.capacity / workers)
  const lease = granted ? Math.max(0, Math.min(want, cap, room)) : 0
  const spent = granted ? take + lease : 0
  const { next, resetMs, ttlMs } = after(spent)
  return {
    granted,
    lease,
    left: Math.max(0, left - spent),
    waitMs: granted ? 0 : waitMs,
    resetMs,
    validMs,
    next: spent > 0 || back !== 0 ? next : state,
    ttlMs: Math.min(Math.max(ttlMs, 1), longestMs),
  }
}

function read (
  account: Account,
  state: State | undefined,
  { take, back }: Ask,
  terms: Terms,
  nowMs: number
): Reading {
  switch (account.kind) {
    case 'rate':
      return readRate(account, state as number | undefined, take, back, nowMs)
    case 'sliding':
      return readSliding(account, state as [number, number, number] | undefined, take, back, nowMs)
    case 'quota': {
      const [endsAtMs, used] = periodOf(account, state as [number, number] | undefined, nowMs)
      const rest = Math.max(0, used - back)
      const left = account.capacity - rest
      const validMs = Math.max(0, endsAtMs - nowMs)
      const after: Reading['after'] = (spent) => ({
        next: [endsAtMs, rest + spent],
        resetMs: rest + spent > 0 ? validMs : 0,
        ttlMs: validMs + 60_000,
      })
      return { left, waitMs: take > left ? Math.max(1, validMs) : 0, validMs, after }
    }
    case 'concurrency':
      return readSlots(account.capacity, (state ?? {}) as Slots, { take, back }, terms, nowMs)
  }
}

function readRate (
  { capacity, unitMs }: { readonly capacity: number; readonly unitMs: number },
  state: number | undefined,
  take: number,
  back: number,
  nowMs: number
): Reading {
  const tatMs = Math.min(
    Math.max(Math.max(state ?? nowMs, nowMs) - back * unitMs, nowMs),
    nowMs + capacity * unitMs + slackMs
  )
  const left = capacity - (tatMs - nowMs) / unitMs
  return {
    left,
    waitMs: Math.max(0, (take - left) * unitMs - slackMs),
    validMs: Number.POSITIVE_INFINITY,
    after (spent) {
      const resetMs = tatMs + spent * unitMs - nowMs
      return { next: resetMs > 0 ? nowMs + resetMs : undefined, resetMs, ttlMs: resetMs }
    },
  }
}

function readSliding (
  { capacity, windowMs }: { readonly capacity: number; readonly windowMs: number },
  state: readonly [number, number, number] | undefined,
  take: number,
  back: number,
  nowMs: number
): Reading {
  const window = Math.floor(nowMs / windowMs)
  const fades = 1 - (nowMs % windowMs) / windowMs
  let [at, count, before] = state ?? [window, 0, 0]
  if (at < window) [count, before] = [0, at === window - 1 ? count : 0]
  at = window
  count = Math.max(0, count - back)
  const left = capacity - count - before * fades
  const validMs = fades * windowMs
  const room = capacity - take
  let waitMs = 0
  if (take > left + slackMs / 1000) {
    if (count <= room) waitMs = (fades - (room - count) / before) * windowMs
    else waitMs = (fades + 1 - room / count) * windowMs
  }
  return {
    left,
    waitMs,
    validMs,
    after (spent) {
      const faded = before > 0 ? validMs : 0
      const resetMs = count + spent > 0 ? validMs + windowMs : faded
      return { next: [at, count + spent, before], resetMs, ttlMs: validMs + windowMs }
    },
  }
}

function periodOf (
  account: { readonly endsAtMs: number; readonly nextEndsAtMs: number },
  state: readonly [number, number] | undefined,
  nowMs: number
): readonly [number, number] {
  const endsAtMs = account.endsAtMs <= nowMs ? account.nextEndsAtMs : account.endsAtMs
  if (state === undefined) return [endsAtMs, 0]
  const over = state[0] < endsAtMs && (state[0] <= nowMs || endsAtMs - state[0] > periodSlackMs)
  return over ? [endsAtMs, 0] : state
}

type Slots = { readonly [worker: string]: readonly [slots: number, expiresAtMs: number] }

function readSlots (
  capacity: number,
  state: Slots,
  { take, back }: { readonly take: number; readonly back: number },
  { worker, workerLifeMs }: Terms,
  nowMs: number
): Reading {
  const others = livingSlots(state, nowMs).filter(([name]) => name !== worker)
  const mine = Math.max(0, (state[worker]?.[0] ?? 0) - back)
  const left = capacity - mine - others.reduce((sum, [, [slots]]) => sum + slots, 0)
  return {
    left,
    waitMs: take > left ? Number.POSITIVE_INFINITY : 0,
    validMs: Number.POSITIVE_INFINITY,
    after (spent) {
      const next = slotsOf(others, worker, mine + spent, nowMs + workerLifeMs)
      return { next, resetMs: 0, ttlMs: workerLifeMs }
    },
  }
}

/** The state in which `worker` holds so many slots, and those of the dead are gone. */
export function holdSlots (
  state: State | undefined,
  { worker, workerLifeMs }: Terms,
  slots: number,
  nowMs: number
): State | undefined {
  const others = livingSlots((state ?? {}) as Slots, nowMs).filter(([name]) => name !== worker)
  return slotsOf(others, worker, slots, nowMs + workerLifeMs)
}

function livingSlots (state: Slots, nowMs: number): [string, readonly [number, number]][] {
  return Object.entries(state).filter(([, [, expiresAtMs]]) => expiresAtMs > nowMs)
}

function slotsOf (
  others: readonly [string, readonly [number, number]][],
  worker: string,
  slots: number,
  expiresAtMs: number
): State | undefined {
  if (slots === 0 && others.length === 0) return undefined
  return Object.fromEntries(slots > 0 ? [...others, [worker, [slots, expiresAtMs]]] : others)
}
