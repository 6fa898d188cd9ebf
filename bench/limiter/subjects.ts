import { createRequire } from 'node:module'
import { manualClock } from '../../src/kernel/index.ts'
import { Calendar, Claim, Limiter, ProcessStore, type QuotaLimit } from '../../src/protect/limit/index.ts'
import { MetricsRegistry } from '../../src/telemetry/index.ts'
import { peersFolder } from '../harness/index.ts'

/**
 * One check of one key; whether it is admitted.
 *
 * @param arrivedMs a time that the caller has read anyway; those that take none read the clock themselves
 */
export type Check = (key: string, arrivedMs: number) => boolean | Promise<boolean>

export interface LimiterSubject {
  readonly name: string
  /** Which memory figures it is asked for; the others were made for another number of keys. */
  readonly memory: boolean
  /** A limiter that admits `most` a day for each key. */
  open(most: number): Check
}

/** More keys than any subject is shown, for those that must be told. */
const roomForAll = 10_000_000
const dayMs = 86_400_000
const require = createRequire(`${peersFolder}/package.json`)

interface LocalStoreEntry {
  readonly current: number
}

interface LocalStore {
  incr(
    key: string,
    done: (error: Error | null, entry: LocalStoreEntry) => void,
    windowMs: number,
    max: number
  ): void
}

function localStore (keys: number): (most: number) => Check {
  return (most) => {
    // When it is measured: until then the peers need not be installed.
    const Store = require('@fastify/rate-limit/store/LocalStore.js') as new(
      continueExceeding: boolean,
      exponentialBackoff: boolean,
      keys: number
    ) => LocalStore
    const store = new Store(false, false, keys)
    let admitted = false
    const done = (_: Error | null, { current }: LocalStoreEntry): void => {
      admitted = current <= most
    }
    return (key) => {
      store.incr(key, done, dayMs, most)
      return admitted
    }
  }
}

interface RateLimiterMemory {
  consume(key: string): Promise<unknown>
}

function flexible (most: number): Check {
  const { RateLimiterMemory: Memory } = require('rate-limiter-flexible') as {
    RateLimiterMemory: new(options: { points: number; duration: number }) => RateLimiterMemory
  }
  const limiter = new Memory({ points: most, duration: dayMs / 1000 })
  const yes = (): boolean => true
  const no = (): boolean => false
  return (key) => limiter.consume(key).then(yes, no)
}

function mapCounter (most: number): Check {
  const counts = new Map<string, number>()
  return (key) => {
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    return count <= most
  }
}

/** The store alone: a claim, a decision. */
function processStore (keys: number): (most: number) => Check {
  return (most) => {
    const store = new ProcessStore({ keys })
    const limit: QuotaLimit = {
      kind: 'quota',
      id: 'bench',
      ordinal: 0,
      shadow: false,
      whenStoreFails: 'share',
      requests: most,
      calendar: new Calendar('day', 'UTC'),
    }
    return (key) => store.take([new Claim(limit, key, 1)]) === undefined
  }
}

/** The store alone with a rate that earns all its units back in a day: the same limit as a token bucket. */
function processStoreRate (keys: number, { timed }: { readonly timed: boolean }): (most: number) => Check {
  return (most) => {
    const store = new ProcessStore({ keys })
    const limit = {
      kind: 'rate',
      id: 'bench',
      ordinal: 0,
      shadow: false,
      whenStoreFails: 'share',
      unitMs: dayMs / most,
      burst: most,
    } as const
    return timed ?
      (key, arrivedMs) => store.take([new Claim(limit, key, 1)], arrivedMs) === undefined :
      (key) => store.take([new Claim(limit, key, 1)]) === undefined
  }
}

/** What a route does: key of the subject, decision, metrics, a ruling that can be refunded. */
function route (keys: number): (most: number) => Check {
  return (most) => {
    const limiter = new Limiter({ registry: new MetricsRegistry({ clock: manualClock() }), keys })
    const limit = limiter.compile('GET /bench', { perHour: Math.max(most / 24, 1), burst: most })
    const request = {}
    return (address, arrivedMs) => {
      const ruling = limit.take({ address, request }, arrivedMs)
      return ruling instanceof Promise ? ruling.then(({ admitted }) => admitted) : ruling.admitted
    }
  }
}

export const plimsollKeys: number = 2 ** 22

export const names = {
  map: 'Map of counters',
  flexible: 'rate-limiter-flexible, memory',
  localDefault: '@fastify/rate-limit, 5,000 keys (its default)',
  localLarge: '@fastify/rate-limit, 10M keys',
  rate: 'Plimsoll store, rate',
  timed: 'Plimsoll store, rate, arrival known',
  quota: 'Plimsoll store, quota',
  route: 'Plimsoll route, rate, arrival known',
  byDefault: 'Plimsoll route, 1,048,576 keys (its default)',
} as const

/** Plimsoll's table and the large store of the peer are sized for the keys they are shown, but for the defaults. */
export const limiterSubjects: readonly LimiterSubject[] = [
  { name: names.map, memory: true, open: mapCounter },
  { name: names.flexible, memory: true, open: flexible },
  { name: names.localDefault, memory: true, open: localStore(5_000) },
  { name: names.localLarge, memory: true, open: localStore(roomForAll) },
  { name: names.rate, memory: false, open: processStoreRate(plimsollKeys, { timed: false }) },
  { name: names.timed, memory: false, open: processStoreRate(plimsollKeys, { timed: true }) },
  { name: names.quota, memory: false, open: processStore(plimsollKeys) },
  { name: names.route, memory: false, open: route(plimsollKeys) },
  { name: names.byDefault, memory: true, open: route(2 ** 20) },
]
