import type { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  howToGetRedis,
  redisProgram,
  type TestRedis,
  testRedis,
} from '../../../engines/redis/redis.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { systemClock } from '../../../kernel/index.ts'
import { testFlightBoard } from './flight-board.contract.ts'
import { RedisFlightBoard } from './redis-flight-board.ts'
import { RedisInbox } from './redis-inbox.ts'
import { clientOf, password } from './shared.fixture.ts'

let server: TestRedis
let redis: Redis
const inboxes: RedisInbox[] = []

function board (member: string): RedisFlightBoard {
  const inbox = new RedisInbox(() => redis.duplicate(), systemClock)
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

  testFlightBoard('redis', async (member) => board(member))

  test('only those who follow are told of an end, also after their connection was made again', async () => {
    const [leader, follower, other] = [board('told'), board('telling'), board('other')]
    const heard: string[] = []
    for (const [name, each] of Object.entries({ leader, follower, other })) {
      await each.listen((token) => heard.push(`${name} ${token}`))
    }
    assert.ok(Number(await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')) > 0)
    await waitUntil('it is heard', async () => {
      await leader.enter('again', 'a', 5_000)
      await follower.enter('again', 'b', 5_000)
      await leader.end('again', 'a', { kind: 'unshareable' })
      return heard.length > 0
    }, 4_000)
    assert.deepEqual([...new Set(heard)], ['follower a'])
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
})
