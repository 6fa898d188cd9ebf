import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lanes } from './lanes.ts'

test('within a key tasks run in order and one at a time, and never more than so many keys at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.nat({ max: 5 }), { maxLength: 40 }),
      fc.scheduler(),
      async (concurrency, keys, scheduler) => {
        const lanes = new Lanes(concurrency)
        const ends = new Map<number, number[]>()
        const running = new Set<number>()
        keys.forEach((key, nth) =>
          lanes.add(`${key}`, async () => {
            assert.equal(running.has(key), false)
            running.add(key)
            assert.ok(running.size <= concurrency)
            await scheduler.schedule(Promise.resolve())
            running.delete(key)
            ends.set(key, [...ends.get(key) ?? [], nth])
          })
        )
        assert.equal(lanes.size, keys.length)
        await scheduler.waitFor(lanes.below(1))
        for (const [key, nths] of ends)
          assert.deepEqual(nths, keys.flatMap((each, nth) => each === key ? [nth] : []))
        assert.equal([...ends.values()].flat().length, keys.length)
      }
    ),
    { numRuns: 200 }
  )
})

test('lanes take turns: a long one does not hold up a short one', async () => {
  const lanes = new Lanes(1)
  const order: string[] = []
  const task = (name: string) => async (): Promise<void> => {
    order.push(name)
  }
  for (let nth = 1; nth <= 3; nth++) lanes.add('long', task(`long ${nth}`))
  lanes.add('short', task('short'))
  await lanes.below(1)
  assert.deepEqual(order, ['long 1', 'short', 'long 2', 'long 3'])
})
