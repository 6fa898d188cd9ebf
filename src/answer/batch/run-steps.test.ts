import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { planParts, type Step } from './plan-parts.ts'
import type { Part } from './read-batch.ts'
import { runSteps } from './run-steps.ts'

function part (id: string, dependsOn: readonly string[] = []): Part {
  return { id, method: 'POST', path: '/', headers: {}, body: undefined, dependsOn }
}

test('in any graph each step is answered once, after what it depends on, and never above the bound', async () => {
  const graph = fc.array(fc.record({ fails: fc.boolean(), turns: fc.nat(4), after: fc.array(fc.nat(11)) }), {
    minLength: 1,
    maxLength: 12,
  })
  await fc.assert(
    fc.asyncProperty(graph, fc.integer({ min: 1, max: 4 }), async (nodes, parallelism) => {
      const steps = planParts(
        nodes.map(({ after }, index) =>
          part(String(index), after.filter((other) => other < index).map(String))
        )
      )
      const order: string[] = []
      const ran = new Set<string>()
      let running = 0
      for await (
        const { step, answer } of runSteps<'good' | 'bad' | 'skipped'>(steps, {
          async run ({ part: { id } }) {
            assert.ok(++running <= parallelism)
            ran.add(id)
            const { turns, fails } = nodes[Number(id)] ?? { turns: 0, fails: false }
            for (let turn = 0; turn < turns; turn++) await setImmediate()
            running--
            return fails ? 'bad' : 'good'
          },
          succeeded: (answer) => answer === 'good',
          skipped: () => 'skipped',
        }, parallelism)
      ) {
        for (const id of step.part.dependsOn) {
          if (answer !== 'skipped') assert.ok(order.includes(id), `${step.part.id} before ${id}`)
        }
        assert.equal(ran.has(step.part.id), answer !== 'skipped')
        order.push(step.part.id)
      }
      assert.deepEqual(order.toSorted(), nodes.map((_, index) => String(index)).toSorted())
    }),
    { numRuns: 150 }
  )
})

test('answers that nobody takes hold the next steps back', async () => {
  let started = 0
  const steps = planParts(Array.from({ length: 10 }, (_, index) => part(String(index))))
  const results = runSteps(steps, {
    async run () {
      started++
    },
    succeeded: () => true,
    skipped: () => {},
  }, 2)
  await results.next()
  for (let turn = 0; turn < 10; turn++) await setImmediate()
  assert.ok(started <= 3, `${started} started for one that was taken`)
  await results.return(undefined)
})

test('a reader that stops aborts what runs', async () => {
  const signals: AbortSignal[] = []
  const steps = planParts([part('a'), part('b')])
  const results = runSteps(steps, {
    run: async ({ part: { id } }: Step, signal) => {
      signals.push(signal)
      if (id === 'b') await new Promise(() => {})
    },
    succeeded: () => true,
    skipped: () => {},
  }, 2)
  await results.next()
  await results.return(undefined)
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true])
})
