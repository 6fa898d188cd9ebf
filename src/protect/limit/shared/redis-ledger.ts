import type { Ask, Entry, Holding, Ledger, LedgerOptions, Settlement } from './ledger.ts'
import { settleScript } from './redis-script.ts'

/** What is used of an `ioredis` client: its `Redis` and its `Cluster` both fit. */
export interface RedisScripts {
  /** `ready` when it is connected. */
  readonly status: string
  evalsha(sha: string, keys: number, ...args: (string | number)[]): Promise<unknown>
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>
  zrem(key: string, member: string): Promise<unknown>
}

export interface RedisLedgerOptions extends LedgerOptions {
  readonly redis: RedisScripts
  /** Begins the names of all keys, between braces; see {@link RedisLedger}. */
  readonly prefix: string
  /** Moves Redis's clock, in milliseconds. For tests that cannot wait. @default 0 */
  readonly shiftMs?: () => number
}

/** Keys that one script handles at most, so that Redis is never held up for long. */
const keysPerScript = 100
/** Workers are counted no less often, in milliseconds, as long as anything is asked. */
const countEveryMs = 100

/**
 * Accounts in Redis or Valkey (6 or later): one script, one round trip for all asks of a settlement.
 *
 * Times are Redis's own, so workers' clocks may differ. Every key expires, at the latest when it says nothing
 * any more, so memory follows the keys in use; names are hashes of fixed length.
 *
 * All keys carry the prefix as their hash tag, `{prefix}:...`, because a script may touch only one slot of a
 * Redis Cluster and the rules of a request may be keyed by anything. So with a cluster all limits of one prefix
 * live on one of its nodes, and fail over with it. Leases keep what that node has to do small; whoever needs
 * more gives services prefixes of their own.
 */
export class RedisLedger implements Ledger {
  readonly name = 'redis'
  readonly #options: RedisLedgerOptions
  readonly #announceEveryMs: number
  readonly #now: () => number
  #workers = 1
  #countedAtMs = Number.NEGATIVE_INFINITY
  #announcedAtMs = Number.NEGATIVE_INFINITY

  /** @param now milliseconds, monotonic */
  constructor (options: RedisLedgerOptions, now: () => number) {
    this.#options = options
    this.#now = now
    this.#announceEveryMs = options.workerLifeMs / 4
  }

  reachable (): boolean {
    return this.#options.redis.status === 'ready'
  }

  async settle (asks: readonly Ask[]): Promise<Settlement> {
    const keys = asks.map(({ key }) => key)
    const values = asks.flatMap(({ account, take, optional, want, back }) => [
      account.kind,
      account.capacity,
      ownNumber(account),
      take,
      optional ? 1 : 0,
      want,
      back,
      account.kind === 'quota' ? account.nextEndsAtMs : 0,
    ])
    return this.#settlementOf(await this.#run(keys, values, asks.some(({ want }) => want > 0)))
  }

  async announce (holdings: readonly Holding[]): Promise<number> {
    this.#announcedAtMs = Number.NEGATIVE_INFINITY
    let workers = 1
    for (let first = 0; first === 0 || first < holdings.length; first += keysPerScript) {
      const some = holdings.slice(first, first + keysPerScript)
      const values = some.flatMap(({ slots }) => ['hold', 0, 0, slots, 0, 0, 0, 0])
      workers = this.#settlementOf(await this.#run(some.map(({ key }) => key), values, true)).workers
    }
    return workers
  }

  async leave (keys: readonly string[]): Promise<void> {
    await this.announce(keys.map((key) => ({ key, slots: 0 })))
    await this.#options.redis.zrem(this.#key('workers'), this.#options.worker)
  }

  #key (name: string): string {
    return `{${this.#options.prefix}}:${name}`
  }

  #settlementOf (reply: unknown): Settlement {
    if (!Array.isArray(reply)) throw new TypeError('the script of the limits answers with a list')
    const [admitted, workers, ...entries] = reply
    if (workers !== 0) this.#workers = Number(workers)
    return { admitted: admitted === 1, workers: this.#workers, entries: entries.map(entryOf) }
  }

  async #run (
    keys: readonly string[],
    values: readonly (string | number)[],
    countsWorkers: boolean
  ): Promise<unknown> {
    const { redis, worker, workerLifeMs, leaseShare, shiftMs } = this.#options
    const nowMs = this.#now()
    const due = nowMs - this.#announcedAtMs >= this.#announceEveryMs
    const { source, sha } = shiftMs === undefined ? plain : settleScript(shiftMs())
    const names = [this.#key('workers'), ...keys.map((key) => this.#key(key))]
    const counts = countsWorkers || nowMs - this.#countedAtMs >= countEveryMs ? 1 : 0
    const args = [...names, worker, workerLifeMs, due ? 2 : counts, leaseShare, ...values]
    let reply: unknown
    try {
      reply = await redis.evalsha(sha, names.length, ...args)
    } catch (error) {
      // A server that has been restarted, a node that took over, or SCRIPT FLUSH: it learns the script anew.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      reply = await redis.eval(source, names.length, ...args)
    }
    if (due) this.#announcedAtMs = nowMs
    if (due || counts === 1) this.#countedAtMs = nowMs
    return reply
  }
}

/** What one ask came to: `lease left wait reset valid`. */
function entryOf (text: unknown): Entry {
  const [lease = 0, left = 0, waitMs = 0, resetMs = 0, validMs = 0] = String(text).split(' ').map(Number)
  return { lease, left, waitMs: endless(waitMs), resetMs, validMs: endless(validMs) }
}

const plain = settleScript()

function ownNumber (account: Ask['account']): number {
  switch (account.kind) {
    case 'rate':
      return account.unitMs
    case 'sliding':
      return account.windowMs
    case 'quota':
      return account.endsAtMs
    case 'concurrency':
      return 0
  }
}

/** What the script calls infinite. */
const endlessMs = 1e15

function endless (ms: number): number {
  return ms >= endlessMs ? Number.POSITIVE_INFINITY : ms
}
