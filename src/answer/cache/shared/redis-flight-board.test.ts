import type { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import {
  howToGetRedis,
  redisProgram,
  type TestRedis,
  testRedis,
} from '../../../engines/redis/redis.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { RedisFlightBoard } from './redis-flight-board.ts'
import { RedisInbox } from './redis-inbox.ts'
import { clientOf, password } from './shared.fixture.ts'

let server: TestRedis
let redis: Redis
const inboxes: RedisInbox[] = []

function board (member: string): RedisFlightBoard {
  const inbox = new RedisInbox(() => redis.duplicate())
  inboxes.push(inbox)
  return new RedisFlightBoard({ redis, inbox, prefix: 'board', member, keepMs: 60_000 })
}

const value = Buffer.from('value')

describe('flights in Redis', { skip: redisProgram === undefined ? howToGetRedis : false }, () => {
  before(async () => {
    server = await testRedis(password)
    redis = await clientOf(server.port)
  })
  after(async () => {
    for (const inbox of inboxes) inbox.close()
    redis.disconnect()
    await server[Symbol.asyncDispose]()
  })

  test('followers are told of the end, and nobody else is; they find a value that was kept only for a moment', async () => {
    const [leader, follower, other] = [board('leader'), board('follower'), board('other')]
    const heard: string[] = []
    for (const [name, each] of Object.entries({ leader, follower, other })) {
      await each.listen((token) => heard.push(`${name} ${token}`))
    }
    assert.equal(await leader.enter('k', 'a', 5_000), 'a')
    assert.equal(await follower.enter('k', 'b', 5_000), 'a')
    assert.equal(await leader.end('k', 'a', { kind: 'value', value, keepMs: 1 }), true)
    await pause(20)
    assert.deepEqual(await follower.look('k', 'a'), { value })
    await waitUntil('it was told', () => heard.length > 0)
    assert.deepEqual(heard, ['follower a'])
  })

  test('a flight that nobody follows leaves nothing but its value', async () => {
    const leader = board('alone')
    await leader.enter('alone', 'a', 5_000)
    const before = await redis.dbsize()
    await leader.end('alone', 'a', { kind: 'value', value, keepMs: 60_000 })
    assert.equal(await redis.dbsize(), before, 'the flight has made room for the entry')
    assert.equal(await leader.look('alone', 'a'), 'leader-lost')
  })

  test('who asks twice with one token, as after a lost answer, leads all the same', async () => {
    const leader = board('twice')
    assert.equal(await leader.enter('twice', 'a', 5_000), 'a')
    assert.equal(await leader.enter('twice', 'a', 5_000), 'a')
  })

  test('what a leader says after its lease counts for nothing', async () => {
    const [late, next] = [board('late'), board('next')]
    await late.enter('lapsed', 'a', 20)
    await waitUntil('its lease is over', async () => await next.look('lapsed', 'a') === 'leader-lost')
    assert.equal(await late.renew('lapsed', 'a', 5_000), false)
    assert.equal(await late.end('lapsed', 'a', { kind: 'value', value, keepMs: 60_000 }), false)
    assert.equal(await next.enter('lapsed', 'b', 5_000), 'b')
    assert.equal(await late.renew('lapsed', 'a', 5_000), false)
    assert.equal(await next.look('lapsed', 'b'), undefined)
  })
})
