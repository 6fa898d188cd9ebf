import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import type { Delivery, EventSource, EventStream, Subscription } from '../consumers/index.ts'
import { someMessage } from '../events/event-message.fixture.ts'
import type { EventMessage } from '../events/index.ts'
import type { Publisher } from '../outbox/index.ts'

/** A source under test, with the publisher of the same broker. */
export interface SourceUnderTest extends AsyncDisposable {
  readonly publisher: Publisher
  /** Another source of the same broker each time, as another process would have it. */
  source(): Promise<EventSource>
  /** Breaks the connections of all sources made so far; the broker stays, and can be reached at once. */
  cut(): Promise<void>
  /** Ends the sources made so far as a killed process does: with nothing said. */
  kill(): Promise<void>
  /** The broker counts how often it hands out a message. */
  readonly counts: boolean
}

const forever = new AbortController().signal
let consumers = 0

/** What every source of a broker promises, to those of the outbox's own log beside. */
export function testBrokerSource (name: string, open: () => Promise<SourceUnderTest>): void {
  let opening: Promise<SourceUnderTest> | undefined
  const opens = (): Promise<SourceUnderTest> => opening ??= open()
  after(async () => await (await opening)?.[Symbol.asyncDispose]())

  function subscription (changes: Partial<Subscription> = {}): Subscription {
    const consumer = `${name}-consumer-${++consumers}`
    return { consumer, incarnation: 1, types: ['order.placed'], from: 'beginning', window: 50, ...changes }
  }

  async function take (stream: EventStream, count: number): Promise<readonly Delivery[]> {
    const taken: Delivery[] = []
    const late = AbortSignal.timeout(20_000)
    while (taken.length < count && !late.aborted) taken.push(...await stream.pull(count - taken.length, late))
    assert.equal(taken.length, count, 'deliveries that came in time')
    return taken
  }

  async function publish (under: SourceUnderTest, messages: readonly EventMessage[]): Promise<void> {
    const outcomes = await under.publisher.publish(messages, forever)
    assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(['confirmed']))
  }

  const idsOf = (deliveries: readonly Delivery[]): readonly string[] =>
    deliveries.map(({ message }) => message.id)
  /** Messages that only this test's consumers look at: the broker is shared. */
  const fresh = (count: number, key: string): readonly EventMessage[] =>
    Array.from({ length: count }, () => someMessage({ key }))

  /** Opens, and passes by what other tests have left. */
  async function subscribed (under: SourceUnderTest, wish: Subscription): Promise<EventStream> {
    return (await under.source()).subscribe(wish, AbortSignal.timeout(20_000))
  }

  describe(`${name}, consumers side by side`, { concurrency: true }, () => {
    test(`${name}: messages arrive whole, in order, and not again once they are acknowledged`, async () => {
      const under = await opens()
      const wish = subscription({ types: [`${name}.whole`] })
      const stream = await subscribed(under, wish)
      const messages = ['a', 'b', 'a', 'b'].map((key) => someMessage({ key, type: `${name}.whole` }))
      await publish(under, messages)
      const deliveries = await take(stream, 4)
      for (const [at, { message }] of deliveries.entries()) {
        assert.deepEqual(message, messages.find(({ id }) => id === message.id))
        assert.equal(deliveries[at]?.deliveredBefore, 0)
      }
      for (const key of ['a', 'b']) {
        const ofKey = (list: readonly EventMessage[]): string[] =>
          list.filter((one) => one.key === key).map(({ id }) => id)
        assert.deepEqual(ofKey(deliveries.map(({ message }) => message)), ofKey(messages))
      }
      for (const delivery of deliveries) delivery.ack()
      await stream.close()
      const again = await subscribed(under, wish)
      const [next] = [someMessage({ type: `${name}.whole` })]
      await publish(under, [next])
      assert.deepEqual(idsOf(await take(again, 1)), [next.id])
      await again.close()
    })

    test(`${name}: what is given back comes again, and what is behind it after it`, async () => {
      const under = await opens()
      const type = `${name}.back`
      const stream = await subscribed(under, subscription({ types: [type] }))
      const messages = fresh(3, 'k').map((message) => ({ ...message, type }))
      await publish(under, messages)
      const first = await take(stream, 3)
      first[1]?.giveBack(0)
      first[0]?.ack()
      first[2]?.giveBack(0)
      const again: string[] = []
      while (!messages.slice(1).every(({ id }) => again.includes(id))) {
        const [delivery] = await take(stream, 1)
        if (delivery !== undefined && !again.includes(delivery.message.id)) again.push(delivery.message.id)
        delivery?.ack()
      }
      assert.deepEqual(again.slice(-2), messages.slice(1).map(({ id }) => id))
      await stream.close()
    })

    test(`${name}: no more than the window is unacknowledged at a time`, async () => {
      const under = await opens()
      const type = `${name}.window`
      const stream = await subscribed(under, subscription({ types: [type], window: 10 }))
      await publish(under, fresh(30, 'k').map((message) => ({ ...message, type })))
      const first = await take(stream, 10)
      assert.deepEqual(await stream.pull(1, AbortSignal.timeout(200)), [])
      for (const delivery of first) delivery.ack()
      for (const delivery of await take(stream, 10)) delivery.ack()
      for (const delivery of await take(stream, 10)) delivery.ack()
      await stream.close()
    })

    test(`${name}: a pull ends with its signal, and a closed stream pulls no more`, async () => {
      const under = await opens()
      const stream = await subscribed(under, subscription({ types: [`${name}.quiet`] }))
      assert.deepEqual(await stream.pull(1, AbortSignal.timeout(20)), [])
      assert.deepEqual(await stream.pull(1, AbortSignal.abort()), [])
      await Promise.all([stream.close(), stream.close()])
      await assert.rejects(stream.pull(1, forever), { code: 'BROKER_PART_CLOSED' })
    })
  })

  test(`${name}: of a killed process, what was not acknowledged comes again, in order`, async () => {
    const under = await opens()
    const type = `${name}.killed`
    const wish = subscription({ types: [type] })
    const stream = await subscribed(under, wish)
    const messages = fresh(6, 'k').map((message) => ({ ...message, type }))
    await publish(under, messages.slice(0, 4))
    const first = await take(stream, 4)
    first[0]?.ack()
    // What was acknowledged may come once more; give the acknowledgement its time.
    await waitUntil('the backlog knows', async () => ((await stream.backlog?.())?.messages ?? 3) <= 3)
    await under.kill()
    await publish(under, messages.slice(4))
    const next = await subscribed(under, wish)
    const wanted = messages.slice(1).map(({ id }) => id)
    const seen: string[] = []
    const again: Delivery[] = []
    while (!wanted.every((id) => seen.includes(id))) {
      const [delivery] = await take(next, 1)
      assert.ok(delivery !== undefined)
      again.push(delivery)
      if (!seen.includes(delivery.message.id)) seen.push(delivery.message.id)
    }
    assert.deepEqual(seen.filter((id) => wanted.includes(id)), wanted)
    if (under.counts) assert.equal(again.find(({ message }) => message.id === wanted[0])?.deliveredBefore, 1)
    for (const delivery of again) delivery.ack()
    await next.close()
    // What is left of it, in this process.
    await stream.close()
  })

  test(`${name}: a broken connection is mended; nothing is lost, and the order is kept`, async () => {
    const under = await opens()
    const type = `${name}.cut`
    const stream = await subscribed(under, subscription({ types: [type] }))
    const messages = fresh(4, 'k').map((message) => ({ ...message, type }))
    await publish(under, messages.slice(0, 3))
    const taken = [...await take(stream, 2)]
    await under.cut()
    await publish(under, messages.slice(3))
    const wanted = messages.map(({ id }) => id)
    while (!idsOf(taken).includes(wanted[3]!)) taken.push(...await take(stream, 1))
    assert.deepEqual([...new Set(idsOf(taken))], wanted)
    for (const delivery of taken) delivery.ack()
    await stream.close()
  })

  test(`${name}: a subscription to a broker that is away ends with its signal`, async () => {
    const under = await opens()
    const source = await under.source()
    await under.kill()
    await assert.rejects(source.subscribe(subscription(), AbortSignal.timeout(200)))
  })
}
