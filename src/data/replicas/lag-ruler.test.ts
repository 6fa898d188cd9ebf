import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LagRuler } from './lag-ruler.ts'

test('a replica is as old as the last moment at which the primary stood where it stands', () => {
  const ruler = new LagRuler()
  assert.equal(ruler.behindMs(5n), Number.POSITIVE_INFINITY)
  ruler.mark(100, 10n)
  ruler.mark(200, 20n)
  ruler.mark(300, 20n)
  ruler.mark(400, 40n)
  assert.equal(ruler.behindMs(40n), 0)
  assert.equal(ruler.behindMs(99n), 0)
  assert.equal(ruler.behindMs(39n), 100)
  assert.equal(ruler.behindMs(20n), 100)
  assert.equal(ruler.behindMs(19n), 300)
  assert.equal(ruler.behindMs(9n), Number.POSITIVE_INFINITY)
  assert.equal(ruler.behindBytes(15n), 25)
  assert.equal(ruler.behindBytes(41n), 0)
})

test('while the primary is silent, nobody is taken to fall behind', () => {
  const ruler = new LagRuler()
  ruler.mark(0, 10n)
  ruler.mark(100, 20n)
  assert.equal(ruler.behindMs(10n), 100)
})

test('a primary that stands before where it was has another history: older marks say nothing of it', () => {
  const ruler = new LagRuler()
  ruler.mark(0, 10n)
  ruler.mark(100, 100n)
  ruler.mark(200, 50n)
  assert.equal(ruler.behindMs(50n), 0)
  assert.equal(ruler.behindMs(40n), Number.POSITIVE_INFINITY)
})

test('with ever so many marks, what is told is never too little, and seldom much too much', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 600, maxLength: 2_000 })
  fc.assert(
    fc.property(steps, fc.nat(), (given, pick) => {
      const ruler = new LagRuler()
      const lsns: number[] = []
      let lsn = 0
      given.forEach((step, at) => {
        lsns.push(lsn += step)
        ruler.mark(at, BigInt(lsn))
      })
      const at = lsns[pick % lsns.length]!
      const truth = lsns.length - 1 - lsns.findLastIndex((each) => each <= at)
      const told = ruler.behindMs(BigInt(at))
      assert.ok(told >= truth, `${told} of ${truth}`)
      assert.ok(
        told <= truth + 64 || told === Number.POSITIVE_INFINITY && truth > lsns.length / 2,
        `${told} of ${truth}`
      )
    }),
    { numRuns: 100 }
  )
})
