import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type Context, currentContext, runWithContext, runWithoutContext } from './context.ts'
import { criticalities, parseCriticality } from './criticality.ts'
import { Deadline } from './deadline.ts'
import { idSource } from './id.ts'
import { seededRandom } from './random.ts'
import { newTrace } from './trace-context.ts'

function contextOf (id: string): Context {
  const trace = newTrace(false, seededRandom(1))
  const deadline = Deadline.none
  return { id, trace, tenant: undefined, criticality: 'normal', deadline, signal: deadline.signal }
}

test('work finds its own context across awaits, and none outside', async () => {
  const ids = await Promise.all(['a', 'b'].map((id) =>
    runWithContext(contextOf(id), async () => {
      await setImmediate()
      return currentContext()?.id
    })
  ))
  assert.deepEqual(ids, ['a', 'b'])
  assert.equal(currentContext(), undefined)
})

test('what serves many units of work runs outside of the one that happened to start it', async () => {
  await runWithContext(contextOf('a'), async () => {
    const seen = await runWithoutContext(async () => {
      await setImmediate()
      return currentContext()
    })
    assert.equal(seen, undefined)
    assert.equal(currentContext()?.id, 'a')
  })
})

test('criticality is one of four words, and anything else names them', () => {
  assert.deepEqual(criticalities.map((word) => parseCriticality(word)), [...criticalities])
  assert.throws(() => parseCriticality('urgent', 'route.criticality'), {
    message: 'route.criticality must be one of critical, normal, sheddable, background, got "urgent"',
  })
})

test('two sources never make the same id', () => {
  const [one, other] = [idSource(seededRandom(1)), idSource(seededRandom(2))]
  const ids = new Set(Array.from({ length: 1_000 }, () => [one(), other()]).flat())
  assert.equal(ids.size, 2_000)
})
