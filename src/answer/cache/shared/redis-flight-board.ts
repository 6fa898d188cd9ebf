import type { Cancel } from '../../../kernel/index.ts'
import type { Landing } from '../shared-cache.ts'
import type { Ending, FlightBoard } from './flight-board.ts'
import type { RedisInbox } from './redis-inbox.ts'
import { redisKeys } from './redis-keys.ts'
import { type RedisCalls, RedisScript } from './redis-script.ts'

/** KEYS: flight. ARGV: token, lease in ms, where the caller hears of the end. Answer: the token of the leader. */
const enterScript = new RedisScript(`
local leader = redis.call('HGET', KEYS[1], 'token')
if leader and leader ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'to:' .. ARGV[3], '')
  return leader
end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return ARGV[1]
`)

/** KEYS: flight. ARGV: token, lease in ms. Answer: 1 when the flight is the caller's. */
const renewScript = new RedisScript(`
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`)

/**
 * KEYS: flight, entry, outcome. ARGV: token, kind, value, how long it is kept, how long the outcome is, in ms.
 *
 * The outcome is kept only for followers, and says where the value is: `e` in the entry, `v` behind this letter when the
 * entry is kept too short for a follower to find it, `u` nowhere. A flight that was given up needs none.
 *
 * Answer: 1 when the flight was the caller's; else nothing happens.
 */
const endScript = new RedisScript(`
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
local followers = redis.call('HKEYS', KEYS[1])
redis.call('DEL', KEYS[1])
if ARGV[2] == 'value' then redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) end
if #followers > 1 and ARGV[2] ~= 'abandoned' then
  local outcome = 'u'
  if ARGV[2] == 'value' then outcome = tonumber(ARGV[4]) < tonumber(ARGV[5]) and 'v' .. ARGV[3] or 'e' end
  redis.call('SET', KEYS[3], outcome, 'PX', ARGV[5])
end
for _, follower in ipairs(followers) do
  if follower ~= 'token' then redis.call('PUBLISH', string.sub(follower, 4), ARGV[1]) end
end
return 1
`)

/** KEYS: flight, entry, outcome. ARGV: token. Answer: `w` under way, `l` lost, `u` unshareable, `v` and the value. */
const lookScript = new RedisScript(`
local outcome = redis.call('GET', KEYS[3])
if outcome then
  local kind = string.sub(outcome, 1, 1)
  if kind == 'u' then return {'u'} end
  if kind == 'v' then return {'v', string.sub(outcome, 2)} end
  local value = redis.call('GET', KEYS[2])
  return value and {'v', value} or {'l'}
end
return {redis.call('HGET', KEYS[1], 'token') == ARGV[1] and 'w' or 'l'}
`)

/** How long a follower may take to come for the value, in milliseconds. */
const outcomeMs = 5_000

export interface RedisFlightBoardOptions {
  readonly redis: RedisCalls
  readonly inbox: RedisInbox
  readonly prefix: string
  readonly member: string
  /** The longest time for which anything is kept. */
  readonly keepMs: number
}

/** Flights in Redis or Valkey: the keys of one flight are in one slot, and each step is one script. */
export class RedisFlightBoard implements FlightBoard {
  readonly #options: RedisFlightBoardOptions
  readonly #channel: string

  constructor (options: RedisFlightBoardOptions) {
    this.#options = options
    this.#channel = `${options.prefix}:landed:${options.member}`
  }

  async enter (key: string, token: string, leaseMs: number): Promise<string> {
    const { redis, prefix } = this.#options
    const { flight } = redisKeys(prefix, key)
    return String(await enterScript.run(redis, [flight], [token, leaseMs, this.#channel]))
  }

  async renew (key: string, token: string, leaseMs: number): Promise<boolean> {
    const { redis, prefix } = this.#options
    return await renewScript.run(redis, [redisKeys(prefix, key).flight], [token, leaseMs]) === 1
  }

  async end (key: string, token: string, ending: Ending): Promise<boolean> {
    const { redis, prefix, keepMs } = this.#options
    const { flight, entry, outcome } = redisKeys(prefix, key)
    const value = ending.kind === 'value' ? ending.value : ''
    const keep = ending.kind === 'value' ? wholeMs(ending.keepMs, keepMs) : 1
    const args = [token, ending.kind, value, keep, outcomeMs]
    return await endScript.run(redis, [flight, entry, outcome(token)], args) === 1
  }

  async look (key: string, token: string): Promise<Landing | undefined> {
    const { redis, prefix } = this.#options
    const { flight, entry, outcome } = redisKeys(prefix, key)
    const answer = await lookScript.run(redis, [flight, entry, outcome(token)], [token])
    const [kind, value] = Array.isArray(answer) ? answer : []
    switch (String(kind)) {
      case 'w':
        return undefined
      case 'u':
        return 'unshareable'
      case 'v':
        return { value: value as Buffer }
      default:
        return 'leader-lost'
    }
  }

  listen (ended: (token: string) => void): Promise<Cancel> {
    return this.#options.inbox.listen(this.#channel, ended)
  }
}

/** What Redis takes for an expiry: whole milliseconds, from 1 to `mostMs`. */
export function wholeMs (ms: number, mostMs: number): number {
  return Math.max(1, Math.ceil(Math.min(ms, mostMs)))
}
