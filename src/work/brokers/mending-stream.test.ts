import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import type { Delivery } from '../consumers/index.ts'
import { someMessage } from '../events/event-message.fixture.ts'
import { type BrittleStream, MendingStream } from './mending-stream.ts'

const forever = new AbortController().signal
const delivery: Delivery = { message: someMessage(), deliveredBefore: 0, ack () {}, giveBack () {} }

interface Opening {
  stream: MendingStream
  clock: ReturnType<typeof manualClock>
  errors: unknown[]
  closed: string[]
  tries: () => number
}

/** Each of the streams in turn: one that breaks, one that delivers, or one that cannot be opened. */
function mending (...plan: readonly ('breaks' | 'delivers' | 'fails')[]): Opening {
  const clock = manualClock()
  const errors: unknown[] = []
  const closed: string[] = []
  let next = 0
  const stream = new MendingStream({
    part: 'the consumer billing of test',
    horizonMs: 5,
    clock,
    random: () => 0.5,
    onError: (error) => errors.push(error),
    async open (): Promise<BrittleStream> {
      const at = next++
      const kind = plan[at] ?? 'delivers'
      if (kind === 'fails') throw new Error(`fails ${at}`)
      return {
        pull: async () => kind === 'delivers' ? [delivery] : Promise.reject(new Error(`breaks ${at}`)),
        backlog: async () => ({ messages: 7, oldestAtMs: undefined }),
        close: async () => void closed.push(`${kind} ${at}`),
      }
    },
  })
  return { stream, clock, errors, closed, tries: () => next }
}

async function turns (): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

test('a stream that breaks is closed and opened anew, after pauses that grow, within one pull', async () => {
  const { stream, clock, errors, closed, tries } = mending('breaks', 'fails', 'breaks', 'delivers')
  const pulling = stream.pull(1, forever)
  for (const [nth, pauseMs] of [50, 100, 200].entries()) {
    await turns()
    clock.advance(pauseMs - 1)
    await turns()
    assert.equal(tries(), nth + 1)
    clock.advance(1)
    await turns()
    assert.equal(tries(), nth + 2)
  }
  assert.deepEqual(await pulling, [delivery])
  assert.deepEqual(errors.map(String), ['Error: breaks 0', 'Error: fails 1', 'Error: breaks 2'])
  assert.deepEqual(closed, ['breaks 0', 'breaks 2'])
  assert.deepEqual(await stream.backlog(), { messages: 7, oldestAtMs: undefined })
})

test('a pull that is given up waits no longer', async () => {
  const { stream } = mending('fails', 'fails')
  const stop = new AbortController()
  const pulling = stream.pull(1, stop.signal)
  await turns()
  stop.abort()
  assert.deepEqual(await pulling, [])
})

test('a stream that is closed pulls no more, and ends the pull under way', async () => {
  const { stream, closed } = mending('delivers')
  await stream.ready(forever)
  await Promise.all([stream.close(), stream.close()])
  assert.deepEqual(closed, ['delivers 0'])
  await assert.rejects(stream.pull(1, forever), {
    code: 'BROKER_PART_CLOSED',
    message: /the consumer billing of test is closed/,
  })
  const failing = mending('fails')
  const pulling = failing.stream.pull(1, forever)
  await turns()
  await failing.stream.close()
  await assert.rejects(pulling, { code: 'BROKER_PART_CLOSED' })
})
