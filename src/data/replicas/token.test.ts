import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { DoubtBudget } from './doubt-budget.ts'
import { TokenSeal } from './token.ts'

const secrets = ['a secret of many letters', 'an older secret of many letters']

test('a token says what was sealed in it, as text that fits a header and a cookie', () => {
  const seal = new TokenSeal(secrets, 'cluster')
  const position = fc.record({
    timeline: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    lsn: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  }, { noNullPrototype: true })
  fc.assert(
    fc.property(position, (claim) => {
      const token = seal.write(claim)
      assert.match(token, /^[\w-]{34}$/)
      assert.deepEqual(seal.read(token), claim)
    }),
    { numRuns: 100 }
  )
  assert.equal(seal.read(seal.write('in-doubt')), 'in-doubt')
})

test('no change to a token goes unseen, and no other text is one', () => {
  const seal = new TokenSeal(secrets, 'cluster')
  const token = seal.write({ timeline: 1, lsn: 77n })
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  for (let at = 0; at < token.length - 1; at++) {
    const other = letters[(letters.indexOf(token[at]!) + 1) % 64]!
    assert.equal(seal.read(token.slice(0, at) + other + token.slice(at + 1)), undefined, `letter ${at}`)
  }
  fc.assert(fc.property(fc.string({ maxLength: 50 }), (text) => assert.equal(seal.read(text), undefined)), {
    numRuns: 100,
  })
  assert.equal(seal.read(token.repeat(100_000)), undefined)
})

test('a secret is replaced by putting the next before it', () => {
  const [newer, older] = secrets as [string, string]
  const token = new TokenSeal([older], 'cluster').write({ timeline: 1, lsn: 1n })
  assert.notEqual(new TokenSeal([newer, older], 'cluster').read(token), undefined)
  assert.equal(new TokenSeal([newer], 'cluster').read(token), undefined)
})

test('a token of another cluster is none, with a secret and without', () => {
  for (const each of [secrets, []]) {
    const token = new TokenSeal(each, 'cluster').write({ timeline: 1, lsn: 1n })
    assert.notEqual(new TokenSeal(each, 'cluster').read(token), undefined)
    assert.equal(new TokenSeal(each, 'other').read(token), undefined)
  }
})

test('doubts are limited to a rate', () => {
  const clock = manualClock()
  const budget = new DoubtBudget(clock, 2)
  assert.deepEqual([budget.take(), budget.take(), budget.take()], [true, true, false])
  clock.advance(500)
  assert.deepEqual([budget.take(), budget.take()], [true, false])
  clock.advance(60_000)
  assert.deepEqual([budget.take(), budget.take(), budget.take()], [true, true, false])
})
