import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { someMessage } from '../events/event-message.fixture.ts'
import type { EventMessage } from '../events/index.ts'
import type { Publisher, PublishOutcome } from './publisher.ts'

/** A publisher under test, and what its broker can be made to do. */
export interface PublisherUnderTest extends AsyncDisposable {
  readonly publisher: Publisher
  /** All that a consumer of the broker has got so far, in the order in which it came. */
  received(): readonly EventMessage[]
  /** Makes of `message` one that the broker never takes, without harm to others. */
  unacceptable(message: EventMessage): EventMessage
  /** Stops the broker, or cuts it off, until `end`. */
  outage?(): Promise<{ end(): Promise<void> }>
  /** Another publisher to the same broker, whose answers can be kept back; where the broker is apart. */
  mutable?(confirmTimeoutMs: number): Promise<MutablePublisher>
}

export interface MutablePublisher extends AsyncDisposable {
  readonly publisher: Publisher
  /** The broker does what it is told from now on, and its answers are kept back. @returns lets them through, in their order */
  mute(): () => void
}

const forever = new AbortController().signal
const confirmed: readonly PublishOutcome['kind'][] = ['confirmed']
/** In which a call has to end whatever the broker does. */
const boundMs = 30_000

/**
 * What every publisher promises.
 *
 * @param isApart its broker is another process, whose answers may come late or never
 */
export function testPublisher (
  name: string,
  open: () => Promise<PublisherUnderTest>,
  isApart: boolean = true
): void {
  let opening: Promise<PublisherUnderTest> | undefined
  const opens = (): Promise<PublisherUnderTest> => opening ??= open()
  after(async () => await (await opening)?.[Symbol.asyncDispose]())

  /** What the consumer got of these messages, each once: redeliveries are the consumer's to tell by their id. */
  async function receivedOf (
    under: PublisherUnderTest,
    messages: readonly EventMessage[]
  ): Promise<readonly EventMessage[]> {
    const wanted = new Set(messages.map(({ id }) => id))
    const found = (): EventMessage[] => {
      const seen = new Map<string, EventMessage>()
      for (const message of under.received()) {
        if (wanted.has(message.id) && !seen.has(message.id)) seen.set(message.id, message)
      }
      return [...seen.values()]
    }
    await waitUntil('all messages have arrived', () => found().length === wanted.size)
    return found()
  }

  const kindsOf = (outcomes: readonly PublishOutcome[]): string[] => outcomes.map(({ kind }) => kind)

  test(`${name}: a confirmed message arrives whole`, async () => {
    const under = await opens()
    const message = someMessage({
      payload: '{"name": "Žižkov \u{1f6a2}", "n": 12345678901234567890, "nested": {"b":1,"a":[null,true]}}',
    })
    assert.deepEqual(kindsOf(await under.publisher.publish([message], forever)), confirmed)
    assert.deepEqual(await receivedOf(under, [message]), [message])
  })

  test(`${name}: keys, aggregate types and types of any text arrive as they are`, async () => {
    const under = await opens()
    const texts = ['a b', 'a.b', '*', '>', '#', 'a/b', '$x', 'ů\u{1f6a2}', 'x'.repeat(200), '', '%41']
    const messages = texts.flatMap((text) => [
      someMessage({ key: text }),
      someMessage({ key: text, aggregateType: `t${text}`, headers: { note: text } }),
    ])
    const outcomes = await under.publisher.publish(messages, forever)
    assert.deepEqual(new Set(kindsOf(outcomes)), new Set(confirmed))
    const byId = new Map((await receivedOf(under, messages)).map((message) => [message.id, message]))
    for (const message of messages) assert.deepEqual(byId.get(message.id), message)
  })

  test(`${name}: messages of a key arrive in their order, within a call and from call to call`, async () => {
    const under = await opens()
    const keys = Array.from({ length: 20 }, (_, at) => `ordered-${name}-${at}`)
    const messages = Array.from({ length: 600 }, (_, at) => someMessage({ key: keys[at % keys.length]! }))
    for (const part of [messages.slice(0, 250), messages.slice(250, 251), messages.slice(251)]) {
      const outcomes = await under.publisher.publish(part, forever)
      assert.equal(outcomes.length, part.length)
      assert.deepEqual(new Set(kindsOf(outcomes)), new Set(confirmed))
    }
    const received = await receivedOf(under, messages)
    for (const key of keys) {
      const idsOf = (list: readonly EventMessage[]): string[] =>
        list.filter((message) => message.key === key).map(({ id }) => id)
      assert.deepEqual(idsOf(received), idsOf(messages), key)
    }
  })

  test(`${name}: nothing to publish is nothing done`, async () => {
    const under = await opens()
    assert.deepEqual(await under.publisher.publish([], forever), [])
  })

  test(`${name}: what is published again is confirmed again, under the same id`, async () => {
    const under = await opens()
    const message = someMessage()
    await under.publisher.publish([message], forever)
    assert.deepEqual(kindsOf(await under.publisher.publish([message], forever)), confirmed)
    assert.deepEqual(await receivedOf(under, [message]), [message])
  })

  test(`${name}: a message that the broker never takes is refused for good and holds the rest of its key alone`, async () => {
    const under = await opens()
    const key = `parked-${name}`
    const messages = [
      someMessage({ key }),
      under.unacceptable(someMessage({ key })),
      someMessage(),
      someMessage({ key }),
      someMessage({ key, aggregateType: 'another' }),
    ]
    const outcomes = await under.publisher.publish(messages, forever)
    assert.deepEqual(kindsOf(outcomes), ['confirmed', 'refused', 'confirmed', 'held', 'confirmed'])
    assert.ok(outcomes[1]?.kind === 'refused' && !outcomes[1].retryable && outcomes[1].error instanceof Error)
    await under.publisher.check(forever)
    const last = someMessage({ key })
    await under.publisher.publish([last], forever)
    await receivedOf(under, [messages[0]!, messages[2]!, messages[4]!, last])
    const ids = new Set(under.received().map(({ id }) => id))
    assert.ok(!ids.has(messages[1]!.id) && !ids.has(messages[3]!.id))
  })

  if (isApart) {
    test(`${name}: acknowledgements that do not come in time end a call; when they come they confirm nothing else`, async () => {
      const under = await opens()
      await using mutable = await under.mutable!(300)
      const { publisher } = mutable
      await publishUntilConfirmed(publisher, [someMessage()])
      const key = `unacknowledged-${name}`
      const messages = [someMessage({ key }), someMessage({ key }), someMessage()]
      const unmute = mutable.mute()
      const outcomes = await within(boundMs, publisher.publish(messages, forever))
      assert.deepEqual(kindsOf(outcomes), ['refused', 'held', 'refused'])
      for (const outcome of outcomes) assert.ok(outcome.kind !== 'refused' || outcome.retryable)
      unmute()
      const unmuteLater = mutable.mute()
      const later = [someMessage(), someMessage()]
      // All that may arrive now are the answers of before.
      const still = await within(boundMs, publisher.publish(later, forever))
      assert.deepEqual(kindsOf(still), ['refused', 'refused'])
      unmuteLater()
      const all = [...messages, ...later]
      await publishUntilConfirmed(publisher, all)
      const idsOf = (list: readonly EventMessage[]): string[] =>
        list.filter((message) => message.key === key).map(({ id }) => id)
      assert.deepEqual(idsOf(await receivedOf(under, all)), idsOf(all))
    })

    test(`${name}: an acknowledgement that comes late, but in time, confirms its message`, async () => {
      const under = await opens()
      await using mutable = await under.mutable!(boundMs)
      await publishUntilConfirmed(mutable.publisher, [someMessage()])
      const message = someMessage()
      const unmute = mutable.mute()
      let isOver = false
      const publishing = mutable.publisher.publish([message], forever).finally(() => isOver = true)
      await receivedOf(under, [message])
      assert.equal(isOver, false, 'it is confirmed by the broker alone')
      unmute()
      assert.deepEqual(kindsOf(await publishing), confirmed)
    })
  }

  test(`${name}: while the broker is away, messages are refused as retryable in bounded time, and go through after`, async (t) => {
    const under = await opens()
    if (under.outage === undefined) return t.skip('this publisher has no broker that can be stopped')
    const key = `outage-${name}`
    const messages = [someMessage({ key }), someMessage({ key }), someMessage()]
    const outage = await under.outage()
    try {
      const outcomes = await within(boundMs, under.publisher.publish(messages, forever))
      assert.equal(outcomes.length, messages.length)
      for (const outcome of outcomes) {
        assert.ok(outcome.kind === 'held' || (outcome.kind === 'refused' && outcome.retryable), outcome.kind)
      }
      assert.equal(outcomes[0]?.kind, 'refused')
      await assert.rejects(within(boundMs, under.publisher.check(AbortSignal.timeout(2_000))))
    } finally {
      await outage.end()
    }
    await waitUntil('the broker is back', async () => {
      return await under.publisher.check(AbortSignal.timeout(2_000)).then(() => true, () => false)
    })
    await publishUntilConfirmed(under.publisher, messages)
    const received = await receivedOf(under, messages)
    const idsOf = (list: readonly EventMessage[]): string[] =>
      list.filter((message) => message.key === key).map(({ id }) => id)
    assert.deepEqual(idsOf(received), idsOf(messages))
  })

  test(`${name}: a signal that has aborted ends a call with nothing sent that is not said`, async () => {
    const under = await opens()
    const messages = [someMessage(), someMessage()]
    const outcomes = await within(boundMs, under.publisher.publish(messages, AbortSignal.abort()))
    for (const outcome of outcomes) assert.ok(outcome.kind !== 'refused' || outcome.retryable)
    assert.equal(outcomes.length, 2)
  })

  test(`${name}: closed twice is closed, and takes nothing more`, async () => {
    await using under = await open()
    await under.publisher.check(forever)
    await under.publisher.close()
    await under.publisher.close()
    const [outcome] = await within(boundMs, under.publisher.publish([someMessage()], forever))
    assert.ok(outcome?.kind === 'refused' || outcome?.kind === 'held')
  })
}

/** As the relay does: what is not confirmed is published again. */
async function publishUntilConfirmed (
  publisher: Publisher,
  messages: readonly EventMessage[]
): Promise<void> {
  let left = messages
  await waitUntil('all are confirmed', async () => {
    const outcomes = await publisher.publish(left, forever)
    left = left.filter((_, at) => outcomes[at]?.kind !== 'confirmed')
    return left.length === 0
  })
}

async function within<Result> (ms: number, work: Promise<Result>): Promise<Result> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`still busy after ${ms} ms`)), ms)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
