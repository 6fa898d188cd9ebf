import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { someMessage } from '../events/event-message.fixture.ts'
import { type EventMessage, orderingKey } from '../events/index.ts'
import type { PublishOutcome } from '../outbox/index.ts'
import { type InKeyOrderOptions, publishInKeyOrder } from './in-key-order.ts'

const confirmed: PublishOutcome = { kind: 'confirmed' }
const refused: PublishOutcome = { kind: 'refused', retryable: false, error: new Error('no') }

function options (changes: Partial<InKeyOrderOptions> = {}): InKeyOrderOptions {
  return {
    clock: manualClock(),
    window: 10,
    timeoutMs: 1_000,
    signal: new AbortController().signal,
    ...changes,
  }
}

const ofKeys = (...keys: string[]): readonly EventMessage[] => keys.map((key) => someMessage({ key }))
const kindsOf = (outcomes: readonly PublishOutcome[]): readonly string[] => outcomes.map(({ kind }) => kind)

test('a message is sent when all before it of its key are confirmed, never more than the window at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('now', 'soon', 'later', 'no')), {
        maxLength: 30,
      }),
      fc.integer({ min: 1, max: 4 }),
      async (plan, window) => {
        const messages = ofKeys(...plan.map(([key]) => key))
        const under = new Map<string, EventMessage>()
        const stuck = new Set<string>()
        const sent = new Set<EventMessage>()
        const outcomes = await publishInKeyOrder(messages, (message, done) => {
          const key = orderingKey(message)
          assert.ok(!under.has(key) && !stuck.has(key) && under.size < window)
          under.set(key, message)
          sent.add(message)
          const [, when] = plan[messages.indexOf(message)]!
          const end = (): void => {
            under.delete(key)
            if (when === 'no') stuck.add(key)
            done(when === 'no' ? refused : confirmed)
          }
          if (when === 'now') end()
          else if (when === 'soon') queueMicrotask(end)
          else setImmediate(end)
        }, options({ window }))
        for (const [at, message] of messages.entries()) {
          const earlier = plan.slice(0, at).some(([key, when]) => key === message.key && when === 'no')
          assert.equal(outcomes[at]?.kind, earlier ? 'held' : plan[at]![1] === 'no' ? 'refused' : 'confirmed')
          assert.equal(sent.has(message), !earlier)
        }
      }
    ),
    { numRuns: 100 }
  )
})

test('what is not confirmed in time is refused as retryable, and the rest of its key is held', async () => {
  const clock = manualClock()
  const late: ((outcome: PublishOutcome) => void)[] = []
  const publishing = publishInKeyOrder(ofKeys('a', 'b', 'a', 'b', 'c'), (message, done) => {
    if (message.key === 'b') done(confirmed)
    else late.push(done)
  }, options({ clock, window: 1 }))
  clock.advance(999)
  clock.advance(1)
  const outcomes = await publishing
  assert.deepEqual(kindsOf(outcomes), ['refused', 'refused', 'held', 'held', 'refused'])
  for (const outcome of outcomes) {
    if (outcome.kind !== 'refused') continue
    assert.equal(outcome.retryable, true)
    assert.match(outcome.error.message, /has not confirmed the message within 1000 ms; it may have it/)
    assert.equal((outcome.error as Error & { code?: string }).code, 'PUBLISH_UNCONFIRMED')
  }
  for (const done of late) done(confirmed)
  assert.deepEqual(kindsOf(outcomes), ['refused', 'refused', 'held', 'held', 'refused'])
})

test('a connection that breaks ends the call at once, one that is broken sends nothing', async () => {
  const lost = new AbortController()
  let sent = 0
  const publishing = publishInKeyOrder(ofKeys('a', 'a', 'b'), () => sent++, options({ lost: lost.signal }))
  lost.abort(new Error('the cable is cut'))
  const outcomes = await publishing
  assert.deepEqual(kindsOf(outcomes), ['refused', 'held', 'refused'])
  assert.match(outcomes[0]?.kind === 'refused' ? outcomes[0].error.message : '', /, since the cable is cut;/)
  assert.equal(sent, 2)
  await publishInKeyOrder(ofKeys('a'), () => sent++, options({ lost: lost.signal }))
  assert.equal(sent, 2)
})

test('a process that stops ends the call at once, and leaves no timer behind', async () => {
  const clock = manualClock()
  const stop = new AbortController()
  const publishing = publishInKeyOrder(ofKeys('a'), () => {}, options({ clock, signal: stop.signal }))
  stop.abort()
  assert.deepEqual(kindsOf(await publishing), ['refused'])
  assert.equal(clock.pending(), 0)
})
