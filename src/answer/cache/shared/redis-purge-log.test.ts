import type { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import {
  howToGetRedis,
  redisProgram,
  type TestRedis,
  testRedis,
} from '../../../engines/redis/redis.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { systemClock } from '../../../kernel/index.ts'
import type { Position, PurgeRecord, View } from './purge-log.ts'
import { RedisInbox } from './redis-inbox.ts'
import { RedisPurgeLog, type RedisPurgeLogOptions } from './redis-purge-log.ts'
import { redisSharedCache } from './redis-shared-cache.ts'
import { clientOf, password } from './shared.fixture.ts'

/** Longer than most pauses that a busy machine makes of itself. */
const membershipMs = 600
const nowhere: Position = { epoch: '', sequence: 0 }
let server: TestRedis
let redis: Redis
let prefix = ''
let prefixes = 0
const inboxes: RedisInbox[] = []

function log (member: string, more: Partial<RedisPurgeLogOptions> = {}): RedisPurgeLog {
  const inbox = new RedisInbox(() => redis.duplicate(), systemClock)
  inboxes.push(inbox)
  return new RedisPurgeLog({ redis, inbox, prefix, member, membershipMs, keepMs: 60_000, ...more })
}

const key = (name: string): string => `{${prefix}}:${name}`
const at = ({ epoch, sequence }: View): Position => ({ epoch, sequence })

/** A member that knows all. */
async function joined (member: RedisPurgeLog): Promise<View> {
  return member.sync(at(await member.sync(nowhere)))
}

/** Until a new epoch may settle purges. */
async function untilSettles (member: RedisPurgeLog): Promise<void> {
  const appended = await member.append(nowhere, ['first'], 'soft')
  await waitUntil('those that it does not know have lapsed', async () => {
    await member.sync(appended)
    return (await member.progress(appended))?.pending === 0
  })
}

describe('the purges in Redis', { skip: redisProgram === undefined ? howToGetRedis : false }, () => {
  before(async () => {
    server = await testRedis(password)
    redis = await clientOf(server.port)
  })
  beforeEach(() => {
    prefix = `log-${++prefixes}`
  })
  after(async () => {
    for (const inbox of inboxes) inbox.close()
    redis.disconnect()
    await server[Symbol.asyncDispose]()
  })

  test('a member hears all that came after its position, in order, each naming the one before', async () => {
    const one = log('one')
    const { epoch, sequence } = await joined(one)
    const tags = [['a', 'b'], ['c d'], []]
    for (const each of tags) await one.append(nowhere, each, 'hard')
    const { records } = await one.sync({ epoch, sequence })
    assert.deepEqual(records.map((record) => record.tags), tags)
    assert.deepEqual(records.map(({ previous }) => previous), [
      sequence,
      ...records.slice(0, -1).map((record) => record.sequence),
    ])
    assert.ok(records.every((record) => record.epoch === epoch && record.mode === 'hard'))
  })

  test('a purge is settled when all have come so far, or have lapsed; who lapsed is asked for once', async () => {
    const [one, other] = [log('one'), log('other')]
    await joined(one)
    await joined(other)
    await untilSettles(one)
    const position = at(await joined(one))
    await joined(other)
    const appended = await one.append(position, ['t'], 'soft')
    assert.deepEqual(appended.members.toSorted(), ['one', 'other'])
    assert.deepEqual(await one.progress(appended), { acknowledged: 0, lapsed: 0, pending: 2 })
    await one.sync(appended)
    assert.deepEqual(await one.progress(appended), { acknowledged: 1, lapsed: 0, pending: 1 })
    await waitUntil('the other has lapsed', async () => {
      await one.sync(appended)
      return (await one.progress(appended))?.lapsed === 1
    })
    assert.deepEqual((await one.append(appended, ['t'], 'soft')).members, ['one'])
  })

  test('a log that is put back to an older state is found out by whoever knows more, and all of it counts as purged', async () => {
    const one = log('one')
    await joined(one)
    const first = await one.append(nowhere, ['t'], 'soft')
    await one.sync(first)
    const names = ['state', 'members', 'applied', 'purges'].map(key)
    const dumps = await Promise.all(names.map((name) => redis.dumpBuffer(name)))
    const last = await one.append(first, ['u'], 'hard')
    for (const [nth, name] of names.entries()) {
      await redis.restore(name, 0, dumps[nth] as Buffer, 'REPLACE')
    }
    const view = await one.sync(last)
    assert.notEqual(view.epoch, last.epoch)
    assert.ok(view.lost && view.floor > last.sequence && view.hardFloor >= last.sequence)
    assert.equal(view.member, false)
    assert.equal(await one.progress(last), undefined, 'nobody can tell who has heard of it')
    const late = await log('late').sync(nowhere)
    assert.ok(late.hardFloor >= last.sequence)
  })

  test('a part that was evicted is noticed, and a new epoch begins above all numbers', async () => {
    for (const part of ['state', 'members', 'applied', 'purges']) {
      prefix = `evicted-${part}`
      const one = log('one')
      await joined(one)
      const appended = await one.append(nowhere, ['t'], 'soft')
      const before = await one.sync(appended)
      await redis.del(key(part))
      const after = await one.sync(appended)
      assert.notEqual(after.epoch, before.epoch, part)
      assert.ok(after.sequence > before.sequence && after.floor > before.sequence, part)
    }
  })

  test('after a silence of all members a purge waits for those that may not be known', async () => {
    const one = log('one')
    await joined(one)
    await untilSettles(one)
    await redis.hset(key('state'), 'heard', Date.now() - membershipMs)
    const appended = await one.append(nowhere, ['t'], 'soft')
    await one.sync(appended)
    assert.equal((await one.progress(appended))?.pending, 1)
    await waitUntil('they have lapsed', async () => {
      await one.sync(appended)
      return (await one.progress(appended))?.pending === 0
    })
  })

  test('a clock that stepped back holds no membership longer than from now', async () => {
    const one = log('one')
    await joined(one)
    await redis.hset(key('state'), 'heard', Date.now() + 3_600_000)
    await redis.zadd(key('members'), Date.now() + 3_600_000, 'one')
    await log('other').sync(nowhere)
    const endsMs = Number(await redis.zscore(key('members'), 'one'))
    assert.ok(endsMs <= Date.now() + 1.5 * membershipMs, String(endsMs - Date.now()))
  })

  test('of too many purges, or too old ones, the oldest are dropped, and what was made before them counts as purged', async () => {
    const one = log('one', { mostPurges: 3 })
    const { epoch, sequence } = await joined(one)
    const appended = []
    for (const mode of ['hard', 'soft', 'soft', 'soft', 'soft'] as const) {
      appended.push((await one.append(nowhere, ['t'], mode)).sequence)
    }
    const view = await one.sync({ epoch, sequence })
    assert.deepEqual(view.records.map((record) => record.sequence), appended.slice(2))
    assert.deepEqual([view.hardFloor, view.floor], appended.slice(0, 2))
    assert.equal(view.lost, false)
    const brief = log('brief', { keepMs: 20 })
    await pause(30)
    await brief.append(nowhere, ['t'], 'soft')
    assert.equal((await one.sync(nowhere)).records.length, 1)
  })

  test('a member that comes late hears of more purges than are told at once', async () => {
    const one = log('one')
    await joined(one)
    const count = 2_500
    await Promise.all(Array.from({ length: count }, (_, nth) => one.append(nowhere, [`t${nth}`], 'soft')))
    const cache = redisSharedCache({ redis, prefix, membership: 2_000 })
    try {
      await waitUntil('it knows them', () => cache.purges.current)
      const numbers = Array.from({ length: count }, (_, nth) => cache.purges.staleSince(`t${nth}`))
      assert.equal(new Set(numbers).size, count)
      assert.equal(Math.max(...numbers), cache.purges.sequence)
    } finally {
      await cache.close()
    }
  })

  test('a message that says nothing sensible is no reason to end', async () => {
    const one = log('one')
    const heard: unknown[] = []
    await one.listen({ purged: (record) => heard.push(record), progressed: () => {} })
    for (const message of ['', 'nonsense', '1 2 e hard', '1 2 e hard {'])
      await redis.publish(`${prefix}:purges`, message)
    const { sequence } = await one.append(nowhere, ['t'], 'soft')
    await waitUntil('the next purge is heard', () => heard.length > 0)
    assert.deepEqual(heard.map((record) => (record as PurgeRecord).sequence), [sequence])
  })

  test('nothing is left for ever: all keys end some time after the last member', async () => {
    const one = log('one')
    await joined(one)
    await one.append(nowhere, ['t'], 'soft')
    for (const name of ['state', 'purges']) assert.ok(await redis.pttl(key(name)) > 0, name)
    await one.leave()
    assert.equal(await redis.zscore(key('members'), 'one'), null)
  })
})
