import { jetstreamManager } from '@nats-io/jetstream'
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { natsEngine } from '../../../engines/index.ts'
import { natsProgram, type TestNats, testNats } from '../../../engines/nats/nats.fixture.ts'
import { testProxy } from '../../../engines/proxy.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { someMessage } from '../../events/event-message.fixture.ts'
import type { EventMessage } from '../../events/index.ts'
import type { PublishOutcome } from '../../outbox/index.ts'
import { natsPublisher } from './nats-publisher.ts'
import { natsSource } from './nats-source.ts'

const forever = new AbortController().signal
const kindsOf = (outcomes: readonly PublishOutcome[]): readonly string[] => outcomes.map(({ kind }) => kind)

test('wrong options stop the boot', () => {
  const engine = natsEngine({ url: 'nats://127.0.0.1:1' })
  for (const stream of ['a.b', '', 'a b']) {
    assert.throws(() => natsPublisher({ engine, stream }), /nats\.stream must be letters, digits/)
    assert.throws(() => natsSource({ engine, stream }), /nats\.stream must be letters, digits/)
  }
  assert.throws(() => natsPublisher({ engine, subjects: 'a.>' }), /nats\.subjects must be/)
  assert.throws(
    () => natsPublisher({ engine, confirmTimeoutMs: 0 }),
    /nats\.confirmTimeoutMs must be above 0/
  )
  assert.throws(() => natsPublisher({ engine, window: 0 }), /nats\.window must be at least 1/)
  assert.throws(() => natsSource({ engine, ackWait: '10ms' }), /nats\.ackWait must be at least 1 second/)
})

describe('against a real server', { skip: natsProgram.skip }, () => {
  let server: TestNats
  before(async () => {
    server = await testNats()
  })
  after(() => server[Symbol.asyncDispose]())

  async function storedIn (stream: string): Promise<number> {
    await using engine = natsEngine({ url: server.url })
    const manager = await jetstreamManager(await engine.connect())
    return (await manager.streams.info(stream)).state.messages
  }

  test('acknowledgements that never come end in time; published again, the stream has each message once', async () => {
    await using proxy = await testProxy(server.port)
    await using engine = natsEngine({ url: server.url.replace(`:${server.port}`, `:${proxy.port}`) })
    await using publisher = natsPublisher({ engine, stream: 'swallowed', confirmTimeoutMs: 300 })
    await publisher.check(forever)
    const messages = [someMessage({ key: 'k' }), someMessage({ key: 'k' }), someMessage({ key: 'l' })]
    proxy.swallowAnswers()
    const outcomes = await publisher.publish(messages, forever)
    assert.deepEqual(kindsOf(outcomes), ['refused', 'held', 'refused'])
    assert.ok(outcomes[0]?.kind === 'refused' && outcomes[0].retryable)
    await waitUntil('they were stored all the same', async () => await storedIn('swallowed') === 2)
    proxy.cut()
    await waitUntil('it is connected again', () => publisher.check(forever).then(() => true, () => false))
    const again = await publisher.publish(messages, forever)
    assert.deepEqual(again.map((outcome) => outcome.kind === 'confirmed' && outcome.duplicate), [
      true,
      false,
      true,
    ])
    assert.equal(await storedIn('swallowed'), 3)
  })

  test('a connection that breaks ends the call at once, not after the timeout', async () => {
    await using proxy = await testProxy(server.port)
    await using engine = natsEngine({ url: server.url.replace(`:${server.port}`, `:${proxy.port}`) })
    await using publisher = natsPublisher({ engine, stream: 'broken', confirmTimeoutMs: 3_600_000 })
    await publisher.check(forever)
    proxy.swallowAnswers()
    const publishing = publisher.publish([someMessage()], forever)
    proxy.cut()
    const [outcome] = await publishing
    assert.ok(outcome?.kind === 'refused' && outcome.retryable)
    assert.match(outcome.error.message, /since the connection to .* broke/)
  })

  test('a server that is killed in the middle and started again has each message once, in order', async () => {
    await using engine = natsEngine({ url: server.url })
    await using publisher = natsPublisher({ engine, stream: 'killed', confirmTimeoutMs: 2_000 })
    await publisher.check(forever)
    const keys = ['a', 'b', 'c']
    const messages = Array.from(
      { length: 900 },
      (_, at) => someMessage({ key: keys[at % 3]!, type: 'order.killed' })
    )
    let left: readonly EventMessage[] = messages
    const publishing = publisher.publish(left, forever)
    await server.kill()
    const outcomes = await publishing
    left = left.filter((_, at) => outcomes[at]?.kind !== 'confirmed')
    assert.ok(left.length > 0, 'the server was killed too late to tell')
    await server.start()
    await waitUntil('all are confirmed', async () => {
      const tried = left
      const results = await publisher.publish(tried, forever)
      left = tried.filter((_, at) => results[at]?.kind !== 'confirmed')
      return left.length === 0
    })
    assert.equal(await storedIn('killed'), messages.length)
    const stream = await natsSource({ engine, stream: 'killed' }).subscribe({
      consumer: 'reader',
      incarnation: 1,
      types: ['order.killed'],
      from: 'beginning',
      window: 1_000,
    }, forever)
    const ids = new Map<string, string[]>(keys.map((key) => [key, []]))
    for (let got = 0; got < messages.length;) {
      const deliveries = await stream.pull(1_000, AbortSignal.timeout(10_000))
      assert.ok(deliveries.length > 0)
      got += deliveries.length
      for (const { message, ack } of deliveries) {
        ids.get(message.key)?.push(message.id)
        ack()
      }
    }
    for (const key of keys) {
      assert.deepEqual(ids.get(key), messages.filter((message) => message.key === key).map(({ id }) => id))
    }
    await stream.close()
  })

  test('what the stream does not take is refused for good, what it has no room for may be tried again', async () => {
    await using engine = natsEngine({ url: server.url })
    const create = { max_msg_size: 1_000, max_msgs: 1, discard: 'new' } as const
    await using publisher = natsPublisher({ engine, stream: 'small', create })
    const large = someMessage({ payload: JSON.stringify('x'.repeat(1_000)) })
    const outcomes = await publisher.publish([large, someMessage()], forever)
    assert.deepEqual(kindsOf(outcomes), ['refused', 'confirmed'])
    assert.ok(outcomes[0]?.kind === 'refused' && !outcomes[0].retryable)
    assert.match(outcomes[0].error.message, /^nats refuses the message: it is too large/)
    const [full] = await publisher.publish([someMessage()], forever)
    assert.ok(full?.kind === 'refused' && full.retryable)
    assert.match(full.error.message, /maximum messages exceeded/)
  })

  test('a stream that is missing, or belongs to another service, takes nothing and says so', async () => {
    await using engine = natsEngine({ url: server.url })
    await using missing = natsPublisher({ engine, stream: 'missing', create: false })
    await assert.rejects(missing.check(forever), /stream not found/)
    const [outcome] = await missing.publish([someMessage()], forever)
    assert.ok(outcome?.kind === 'refused' && outcome.retryable)
    await using other = natsPublisher({ engine, stream: 'other' })
    await other.check(forever)
    await using wrong = natsPublisher({ engine, stream: 'wrong', subjects: 'other.inside' })
    await assert.rejects(wrong.check(forever), /overlap/)
    const manager = await jetstreamManager(await engine.connect())
    await manager.streams.add({ name: 'elsewhere', subjects: ['misled.>'] })
    await manager.streams.add({ name: 'misled', subjects: ['nothing.>'] })
    await using misled = natsPublisher({ engine, stream: 'misled' })
    const [led] = await misled.publish([someMessage()], forever)
    assert.ok(led?.kind === 'refused' && led.retryable)
    assert.match(led.error.message, /expected stream does not match/)
  })

  test('what is held longer than the server waits does not come twice; what is given back comes at once', async () => {
    await using engine = natsEngine({ url: server.url })
    await using publisher = natsPublisher({ engine, stream: 'held' })
    const [first, second] = [someMessage({ key: 'k' }), someMessage({ key: 'k' })]
    await publisher.publish([first, second], forever)
    const wish = { incarnation: 1, types: ['order.placed'], from: 'beginning', window: 9 } as const
    const patient = await natsSource({ engine, stream: 'held', ackWait: '1s' })
      .subscribe({ ...wish, consumer: 'patient' }, forever)
    const held = [...await patient.pull(1, forever), ...await patient.pull(1, forever)]
    assert.deepEqual(await patient.pull(1, AbortSignal.timeout(1_600)), [])
    const manager = await jetstreamManager(await engine.connect())
    const { num_ack_pending: open, num_redelivered: again } = await manager.consumers.info('held', 'patient')
    assert.deepEqual([open, again], [2, 0])
    for (const delivery of held) delivery.ack()
    await patient.close()
    assert.equal((await manager.consumers.info('held', 'patient')).num_ack_pending, 0)
    const hasty = await natsSource({ engine, stream: 'held', ackWait: '10m' })
      .subscribe({ ...wish, consumer: 'hasty' }, forever)
    const [back] = await hasty.pull(1, forever)
    back?.giveBack(0)
    const [same] = await hasty.pull(1, AbortSignal.timeout(10_000))
    assert.equal(same?.message.id, first.id)
    await hasty.close()
  })

  test('consumers of one name stand by for each other where there are leases', async () => {
    await using engine = natsEngine({ url: server.url })
    await using publisher = natsPublisher({ engine, stream: 'leased' })
    const held = new Map<string, PromiseWithResolvers<void>>()
    const leases = {
      async hold (name: string) {
        await held.get(name)?.promise
        const free = Promise.withResolvers<void>()
        held.set(name, free)
        const release = async (): Promise<void> => free.resolve()
        return {
          name,
          token: 1n,
          signal: forever,
          release,
          fence: async () => {},
          [Symbol.asyncDispose]: release,
        }
      },
    }
    const wish = {
      consumer: 'one at a time',
      incarnation: 1,
      types: ['order.placed'],
      from: 'beginning',
      window: 9,
    } as const
    const source = natsSource({ engine, stream: 'leased', leases: leases as never })
    await publisher.publish([someMessage()], forever)
    const first = await source.subscribe(wish, forever)
    const [delivery] = await first.pull(1, AbortSignal.timeout(10_000))
    assert.ok(delivery !== undefined)
    assert.deepEqual([...held.keys()], ['source nats leased one at a time'])
    const second = await source.subscribe(wish, forever)
    assert.deepEqual(await second.pull(1, AbortSignal.timeout(50)), [])
    assert.deepEqual(await second.backlog?.(), { messages: undefined, oldestAtMs: undefined })
    await first.close()
    const [again] = await second.pull(1, AbortSignal.timeout(10_000))
    assert.equal(again?.message.id, delivery.message.id)
    assert.equal(again.deliveredBefore, 1)
    await second.close()
  })

  test('messages of several types, and of strangers, come through one consumer', async () => {
    await using engine = natsEngine({ url: server.url })
    await using publisher = natsPublisher({ engine, stream: 'mixed' })
    await publisher.publish([
      someMessage({ type: 'a.b' }),
      someMessage({ type: 'c' }),
      someMessage({ type: 'd' }),
    ], forever)
    const connection = await engine.connect()
    connection.publish('mixed.a.b', 'hello')
    const types = ['a.b', 'c']
    const stream = await natsSource({ engine, stream: 'mixed' }).subscribe(
      { consumer: 'mixed', incarnation: 1, types, from: 'beginning', window: 9 },
      forever
    )
    const seen: EventMessage[] = []
    while (seen.at(-1)?.payload !== 'hello') {
      for (const { message, ack } of await stream.pull(9, AbortSignal.timeout(10_000))) {
        seen.push(message)
        ack()
      }
    }
    const wanted = seen.filter(({ type }) => types.includes(type)).map(({ type }) => type)
    assert.deepEqual(wanted, types)
    const { id, type, key } = seen.at(-1)!
    assert.deepEqual({ id, type, key }, { id: 'mixed:4', type: 'mixed.a.b', key: '' })
    await stream.close()
  })
})
