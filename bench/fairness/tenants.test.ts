import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noisy, offersOf, quiet, quietSuccess } from './tenants.ts'

test('each quiet tenant offers the same part of an equal share, and the noisy one its multiple', () => {
  const offers = offersOf(1_000, 10)
  assert.equal(offers.length, 10)
  assert.deepEqual(new Set(offers.slice(0, 9).map(({ perSecond }) => perSecond)), new Set([60]))
  assert.deepEqual(offers.at(-1), { tenant: noisy, perSecond: 1_000 })
  assert.equal(offersOf(1_000, 0).some(({ tenant }) => tenant === noisy), false)
})

test('the success of the quiet ones leaves out the noisy one, and names the worst of them', () => {
  const found = new Map(quiet.map((tenant) => [tenant, { good: 10, sent: 10 }]))
  found.set(quiet[0] as string, { good: 1, sent: 10 })
  found.set(noisy, { good: 0, sent: 1_000 })
  assert.deepEqual(quietSuccess(found), { all: 81 / 90, worst: 0.1 })
})
