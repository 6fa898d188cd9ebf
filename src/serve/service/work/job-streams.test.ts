import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { MetricsRegistry } from '../../../telemetry/index.ts'
import type { JobStatus, WaitOptions } from '../../../work/jobs/index.ts'
import { JobStreams } from './job-streams.ts'

const waiting: JobStatus = {
  id: '018f0000-0000-7000-8000-000000000000',
  job: 'job',
  tier: 'within-1m',
  state: 'waiting',
  attempt: 0,
  enqueuedAt: '2026-11-23T06:00:00.000Z',
  changedAt: '2026-11-23T06:00:00.000Z',
}

/** Streams whose waits end as the test says, one after the other. */
function scripted (answers: readonly (JobStatus | Error | undefined)[]): {
  readonly streams: JobStreams
  readonly asked: WaitOptions[]
} {
  const asked: WaitOptions[] = []
  const streams = new JobStreams({
    most: 1,
    registry: new MetricsRegistry(),
    random: () => 0.5,
    jobs: {
      stopping: new AbortController().signal,
      async waitFor (_id, options = {}) {
        const answer = answers[asked.length]
        asked.push(options)
        if (answer instanceof Error) throw answer
        return answer
      },
    },
  })
  return { streams, asked }
}

async function textOf (stream: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

test('silence is filled with comments, also while the database is away', async () => {
  const running: JobStatus = { ...waiting, state: 'running', attempt: 1 }
  const done: JobStatus = { ...running, state: 'done' }
  const { streams, asked } = scripted([waiting, running, new Error('away'), running, done])
  const text = await textOf(streams.open(waiting, undefined, new AbortController().signal))
  const lines = text.split('\n\n').map((part) => /"state":"(\w+)"/.exec(part)?.[1] ?? part)
  assert.deepEqual(lines, ['retry: 1000', 'waiting', ':', 'running', ':', ':', 'done', ''])
  assert.deepEqual(asked.map(({ timeout }) => timeout), Array.from({ length: 5 }, () => 15_000))
  assert.deepEqual(asked.map(({ since }) => since?.state), [
    'waiting',
    'waiting',
    'running',
    'running',
    'running',
  ])
})

test('a job that is forgotten meanwhile has no more events', async () => {
  const { streams } = scripted([undefined])
  const text = await textOf(streams.open(waiting, undefined, new AbortController().signal))
  assert.match(text, /"waiting"[^\n]*\n\n$/)
})

test('a place is free again when its stream was closed, even before it was read', async () => {
  const { streams } = scripted([])
  const { signal } = new AbortController()
  const stream = streams.open(waiting, undefined, signal)
  assert.throws(() => streams.open(waiting, undefined, signal), {
    code: 'JOB_STREAMS_FULL',
    retryAfterMs: 1_000,
  })
  stream.destroy()
  await turn()
  streams.open(waiting, undefined, signal).destroy()
})

test('a wait ends with its client', async () => {
  const heard: (AbortSignal | undefined)[] = []
  const streams = new JobStreams({
    most: 1,
    registry: new MetricsRegistry(),
    jobs: {
      stopping: new AbortController().signal,
      waitFor (_id, { signal } = {}) {
        heard.push(signal)
        return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(waiting)))
      },
    },
  })
  const stream = streams.open(waiting, undefined, new AbortController().signal)
  stream.resume()
  await turn()
  await turn()
  stream.destroy()
  await turn()
  assert.deepEqual(heard.map((signal) => signal?.aborted), [true])
})
