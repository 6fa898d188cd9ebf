import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { FreshAsk } from './fresh-ask.ts'

test('no answer is older than its asking, and never are two questions under way', async () => {
  const step = fc.constantFrom('ask', 'answer', 'fail', 'turn')
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      let asked = 0
      const waiting: PromiseWithResolvers<number>[] = []
      const fresh = new FreshAsk(() => {
        const answer = Promise.withResolvers<number>()
        waiting.push(answer)
        const number = ++asked
        return answer.promise.then(() => number)
      })
      const got: Promise<void>[] = []
      for (const each of [...steps, ...Array.from({ length: 6 }, () => 'answer' as const)]) {
        if (each === 'ask') {
          const before = asked
          got.push(
            fresh.ask().then((number) => assert.ok(number > before), (error) => assert.equal(error, 'failed'))
          )
        } else if (each === 'answer') waiting.shift()?.resolve(0)
        else if (each === 'fail') waiting.shift()?.reject('failed')
        await turn()
        assert.ok(waiting.length <= 1)
      }
      await Promise.all(got)
    }),
    { numRuns: 100 }
  )
})

test('many who ask at once share one question, and those who come meanwhile the next', async () => {
  let asked = 0
  const open = Promise.withResolvers<void>()
  const fresh = new FreshAsk(async () => {
    asked++
    await open.promise
  })
  const all = [fresh.ask(), ...Array.from({ length: 50 }, () => fresh.ask())]
  open.resolve()
  await Promise.all(all)
  assert.equal(asked, 2)
})
