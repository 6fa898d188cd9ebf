import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineUnavailableError } from '../../engines/index.ts'
import { manualClock } from '../../kernel/index.ts'
import { createLogger, MetricsRegistry, Tracer } from '../../telemetry/index.ts'
import { keptLines } from '../../telemetry/log/lines.fixture.ts'
import { connectWhenUp } from './connect-when-up.ts'

function unavailable (code: string): EngineUnavailableError {
  return new EngineUnavailableError(
    'postgres',
    'db:5432/shop',
    code,
    Object.assign(new Error(code), { code })
  )
}

function bench (answers: readonly (string | Error)[]) {
  const clock = manualClock()
  const lines = keptLines()
  const progress: string[] = []
  let attempts = 0
  const telemetry = {
    registry: new MetricsRegistry(),
    tracer: new Tracer({ sampleRatio: 0 }),
    logger: createLogger({ destination: lines }),
  }
  const connecting = connectWhenUp(
    {
      name: 'postgres',
      async connect () {
        const answer = answers[attempts++]
        if (answer instanceof Error) throw answer
        return answer
      },
    },
    { telemetry, onProgress: (message) => void progress.push(message) },
    { clock, random: () => 0.999 }
  )
  return { clock, lines, progress, connecting, attempts: () => attempts }
}

test('an engine that is not up is waited for, and each wait is told; the log hears of it once', async () => {
  const refused = unavailable('ECONNREFUSED')
  const { clock, lines, progress, connecting, attempts } = bench([refused, refused, refused, 'client'])
  for (const atMost of [250, 500, 1_000]) {
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(clock.pending(), 1)
    const before = attempts()
    clock.advance(atMost / 2)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(attempts(), before)
    clock.advance(atMost / 2)
  }
  assert.equal(await connecting, 'client')
  assert.deepEqual(progress, Array.from({ length: 3 }, () => `waiting: ${refused.message}`))
  const told = lines.objects().map(({ level, attempts: tries }) => [level, tries])
  assert.deepEqual(told, [['warn', undefined], ['info', 4]])
})

test('what somebody has to correct stops the boot at once, also after a wait', async () => {
  const { clock, connecting } = bench([unavailable('ECONNREFUSED'), unavailable('28P01')])
  const refused = assert.rejects(connecting, { code: 'ENGINE_UNAVAILABLE', message: /28P01/ })
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(5_000)
  await refused
  await assert.rejects(bench([new Error('bug')]).connecting, /bug/)
})
