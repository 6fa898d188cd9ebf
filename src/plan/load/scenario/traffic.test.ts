import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../kernel/index.ts'
import type { JourneyAnswer, JourneySteps } from '../journey.ts'
import { get, type StepDefinition } from './definition.ts'
import { resolveScenario } from './scenario.ts'
import { sourceOf } from './traffic.ts'

function stepsOf (...steps: StepDefinition[]): JourneySteps {
  const { journeys } = resolveScenario({ target: 'http://localhost', journeys: [{ name: 'j', steps }] })
  return sourceOf(journeys).next(0, seededRandom(1))
}

function answer (changes: Partial<JourneyAnswer> = {}): JourneyAnswer {
  const body = Buffer.from('{"id":7}')
  return { statusCode: 200, expected: true, headers: new Map([['etag', '"a"']]), body, ...changes }
}

test('an answer is kept only where a later step or its own judge may read it', () => {
  const steps = stepsOf(
    get('/a'),
    get(() => '/b', { name: 'b' }),
    get('/c', { expect: () => true }),
    get('/d')
  )
  const kept = [steps.next(answer()), steps.next(answer()), steps.next(answer()), steps.next(answer())]
  assert.deepEqual(kept.map(({ value }) => value?.keep), [true, false, true, false])
})

test('the answer reaches the functions of the next step with status, headers and body', () => {
  const steps = stepsOf(
    get('/a'),
    get(
      ({ previous }) => `/${previous.status}/${previous.headers['etag']?.length}/${previous.text().length}`,
      {
        name: 'b',
      }
    )
  )
  steps.next(answer())
  const { value } = steps.next(answer())
  assert.equal(value?.request.path, '/200/3/8')
})

test('a journey ends at an answer that is not as expected', () => {
  const steps = stepsOf(get('/a'), get('/b'))
  steps.next(answer())
  assert.deepEqual(steps.next(answer({ expected: false })), { done: true, value: undefined })
})

test('what a judge throws is told with step, journey, file and line', () => {
  const steps = stepsOf(get('/a', { expect: (response) => response.json<{ a: { b: true } }>().a.b }))
  const { value } = steps.next(answer())
  assert.throws(() => value?.judge?.(answer()), {
    code: 'SCENARIO_STEP_FAILED',
    message:
      /^what step "GET \/a" of journey "j" expects failed: .*'b'.* \(at .*traffic\.test\.ts:\d+:\d+\)$/,
  })
})
