import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Slots } from './slots.ts'

const forEver = new AbortController().signal

test('places are given in the order of coming', async () => {
  const slots = new Slots(1, 2)
  await slots.take(forEver)
  const order: number[] = []
  const first = slots.take(forEver).then(() => order.push(1))
  const second = slots.take(forEver).then(() => order.push(2))
  slots.release()
  await first
  slots.release()
  await second
  assert.deepEqual(order, [1, 2])
})

test('one who gives up leaves the line and takes no place', async () => {
  const slots = new Slots(1, 2)
  await slots.take(forEver)
  const controller = new AbortController()
  const quitter = slots.take(controller.signal)
  const patient = slots.take(forEver)
  const reason = new Error('gone')
  controller.abort(reason)
  await assert.rejects(quitter, reason)
  assert.equal(slots.waiting, 1)
  slots.release()
  await patient
  assert.equal(slots.taken, 1)
})

test('one who gave up before it came takes no place', async () => {
  const slots = new Slots(1, 0)
  await assert.rejects(slots.take(AbortSignal.abort(new Error('gone'))), /gone/)
  assert.equal(slots.taken, 0)
})

test('idle waits for the last place to come back', async () => {
  const slots = new Slots(2, 0)
  await slots.idle()
  await slots.take(forEver)
  await slots.take(forEver)
  let idle = false
  const waiting = slots.idle().then(() => idle = true)
  slots.release()
  await Promise.resolve()
  assert.equal(idle, false)
  slots.release()
  await waiting
})

test('whatever comes and goes, no place and no waiter is lost or given twice', async () => {
  const step = fc.constantFrom('take', 'release', 'abort')
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 3 }),
      fc.array(step, { maxLength: 40 }),
      async (places, line, steps) => {
        const slots = new Slots(places, line)
        const waiting: AbortController[] = []
        let holding = 0
        for (const what of steps) {
          if (what === 'take' && !slots.full) {
            const controller = new AbortController()
            waiting.push(controller)
            slots.take(controller.signal).then(
              () => {
                holding += 1
                waiting.splice(waiting.indexOf(controller), 1)
              },
              () => waiting.splice(waiting.indexOf(controller), 1)
            )
          } else if (what === 'release' && holding > 0) {
            holding -= 1
            slots.release()
          } else if (what === 'abort') {
            waiting.at(-1)?.abort(new Error('gone'))
          }
          await new Promise((resolve) => setImmediate(resolve))
          assert.equal(slots.taken, holding)
          assert.equal(slots.waiting, waiting.length)
          assert.ok(holding <= places && waiting.length <= line)
          assert.ok(waiting.length === 0 || holding === places, 'somebody waits beside a free place')
        }
      }
    ),
    { numRuns: 50 }
  )
})
