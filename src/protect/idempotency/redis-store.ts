import type { Redis } from 'ioredis'
import { createHash } from 'node:crypto'
import type { StoredAnswer } from './answer.ts'
import { claimScript, markScript, releaseScript, renewScript, settleScript } from './redis-scripts.ts'
import type { Claim, Claimed, IdempotencyStore, KeyLease, Released } from './store.ts'

export interface RedisIdempotencyStoreOptions {
  /** Redis 5 or later, or Valkey; yours to close. */
  readonly redis: Redis
  /** Before each key, e.g. to share a server. @default 'plimsoll:idempotency:' */
  readonly prefix?: string
}

/** What a script answers: an integer, or a list of byte strings and integers. */
type Reply = number | null | Buffer | readonly Reply[]

/**
 * Keys in Redis or Valkey, each decided by one script on one key.
 *
 * Its guarantee is weaker than PostgreSQL's. The answer is kept after the effect, not with it, so a crash between
 * the two runs the operation again: at least once. And Redis may forget what it has acknowledged - by a failover
 * to a replica that is behind, a restart with `appendfsync everysec`, an eviction (set `maxmemory-policy
 * noeviction`) - after which a repeated request runs again too.
 */
export function redisIdempotencyStore (
  { redis, prefix = 'plimsoll:idempotency:' }: RedisIdempotencyStoreOptions
): IdempotencyStore<never> {
  const scripts = {
    claim: scriptOf(claimScript),
    renew: scriptOf(renewScript),
    mark: scriptOf(markScript),
    settle: scriptOf(settleScript),
    release: scriptOf(releaseScript),
  }

  async function run (
    script: Script,
    key: Buffer,
    ...values: readonly (string | number | Buffer)[]
  ): Promise<Reply> {
    const name = prefix + key.toString('base64url')
    try {
      return await redis.callBuffer('EVALSHA', script.sha, 1, name, ...values) as Reply
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await redis.callBuffer('EVAL', script.text, 1, name, ...values) as Reply
    }
  }

  async function claim ({ key, fingerprint, leaseMs, keepMs }: Claim): Promise<Claimed> {
    const reply = parts(await run(scripts.claim, key, fingerprint, Math.ceil(leaseMs), Math.ceil(keepMs)))
    const [kind, first, second] = reply
    switch (String(kind)) {
      case 'reused':
        return { kind: 'reused' }
      case 'answered':
        return { kind: 'answered', answer: answerFrom(reply) }
      case 'held':
        return { kind: 'held', leaseLeftMs: Number(first) }
      default:
        return {
          kind: 'taken',
          lease: { key, token: BigInt(String(first)) },
          previous: String(second) as 'none' | 'lapsed' | 'unknown',
        }
    }
  }

  async function settle (
    { key, token }: KeyLease,
    { status, headers, body }: StoredAnswer
  ): Promise<boolean> {
    const values = [String(token), status, JSON.stringify(headers), ...(body === undefined ? [] : [body])]
    return await run(scripts.settle, key, ...values) === 1
  }

  async function release ({ key, token }: KeyLease): Promise<Released> {
    const reply = parts(await run(scripts.release, key, String(token)))
    const kind = String(reply[0]) as Released['kind']
    return kind === 'answered' ? { kind, answer: answerFrom(reply) } : { kind }
  }

  const close = async (): Promise<void> => {}
  return {
    name: 'redis',
    transactions: undefined,
    async prepare () {},
    claim,
    async renew (leases, leaseMs) {
      const replies = await Promise.all(
        leases.map(({ key, token }) => run(scripts.renew, key, String(token), Math.ceil(leaseMs)))
      )
      return leases.filter((_, at) => replies[at] !== 1)
    },
    mark: async ({ key, token }) => await run(scripts.mark, key, String(token)) === 1,
    settle,
    release,
    sweep: async () => 0, // Redis expires keys itself
    close,
    [Symbol.asyncDispose]: close,
  }
}

interface Script {
  readonly text: string
  readonly sha: string
}

function scriptOf (text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

function parts (reply: Reply): readonly Reply[] {
  if (!Array.isArray(reply)) throw new TypeError('a script of the idempotency store answered something else')
  return reply as readonly Reply[]
}

function answerFrom ([, status, headers, body]: readonly Reply[]): StoredAnswer {
  return {
    status: Number(status),
    headers: JSON.parse(String(headers)) as StoredAnswer['headers'],
    body: Buffer.isBuffer(body) ? body : undefined,
  }
}
