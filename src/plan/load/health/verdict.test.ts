import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Conduct, judgeConduct } from './verdict.ts'

const honest: Conduct = {
  dispatchLag: { count: 1_000, p99Ms: 2, maxMs: 40 },
  dropped: 0,
  exhausted: 0,
  openPlanned: 1_000,
  openStanding: 1_000,
  lostThreads: [],
  unpinned: [],
  limits: { lagP99Ms: 10, lagMaxMs: 1_000 },
}

test('a run that did what its plan says is valid', () => {
  assert.deepEqual(judgeConduct(honest), { state: 'valid', reasons: [] })
})

test('a run without any request is valid: there was nothing to be late with', () => {
  const nothing = { count: 0, p99Ms: Number.NaN, maxMs: Number.NaN }
  assert.equal(judgeConduct({ ...honest, dispatchLag: nothing }).state, 'valid')
})

const faults: readonly (readonly [string, Partial<Conduct>, RegExp])[] = [
  [
    'sent late',
    { dispatchLag: { count: 9, p99Ms: 10.2, maxMs: 40 } },
    /sent late.*10\.2 ms \(allowed: 10 ms\)/,
  ],
  ['stood still', { dispatchLag: { count: 9, p99Ms: 1, maxMs: 1_001 } }, /stood still.*1001 ms late/],
  ['dropped requests', { dropped: 1 }, /1 requests were dropped/],
  ['ran out of ports', { exhausted: 3 }, /3 requests found no port/],
  ['could not open the connections', { openStanding: 999 }, /only 999 of 1000/],
  ['lost a thread', { lostThreads: ['out of memory'] }, /ended early: out of memory/],
  ['could not pin', { unpinned: [7] }, /core 7/],
]

for (const [title, fault, reason] of faults) {
  test(`a run whose generator ${title} is void, and says why`, () => {
    const { state, reasons } = judgeConduct({ ...honest, ...fault })
    assert.equal(state, 'void')
    assert.equal(reasons.length, 1)
    assert.match(reasons[0] ?? '', reason)
  })
}

test('all reasons are given', () => {
  const all = Object.assign({}, honest, ...faults.map(([, fault]) => fault)) as Conduct
  assert.equal(judgeConduct(all).reasons.length, faults.length - 1) // of the two lags the later one stays
})
