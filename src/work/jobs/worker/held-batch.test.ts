import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { manualClock } from '../../../kernel/index.ts'
import type { JobOutcome } from '../store/index.ts'
import { HeldBatch } from './held-batch.ts'

interface Bench {
  readonly clock: ReturnType<typeof manualClock>
  readonly settled: string[][]
  readonly told: { ids: string[]; lost: string[] }[]
  readonly controller: AbortController
  readonly batch: HeldBatch
  readonly isEnded: () => boolean
}

function bench (jobs: number, answer: () => Promise<readonly string[]> = async () => []): Bench {
  const clock = manualClock()
  const settled: string[][] = []
  const told: { ids: string[]; lost: string[] }[] = []
  const controller = new AbortController()
  let ended = false
  const batch = new HeldBatch({
    lease: { token: 7n, signal: controller.signal },
    jobs,
    settle (token, outcomes) {
      assert.equal(token, 7n)
      settled.push(outcomes.map(({ id }) => id))
      return answer()
    },
    onSettled: (outcomes, lost) => told.push({ ids: outcomes.map(({ id }) => id), lost: [...lost] }),
    onSettleError: () => {},
    onEnded () {
      ended = true
    },
    clock,
    random: () => 0.5,
  })
  return { clock, settled, told, controller, batch, isEnded: () => ended }
}

const done = (id: string): JobOutcome => ({ id, kind: 'done' })

test('a batch that ends within a moment is settled by one statement, at once', async () => {
  const { batch, settled, isEnded } = bench(3)
  for (const id of ['a', 'b', 'c']) batch.add(done(id))
  await turn()
  assert.deepEqual(settled, [['a', 'b', 'c']])
  assert.equal(isEnded(), true)
})

test('what has ended does not wait for the rest for longer than 20 ms', async () => {
  const { batch, settled, clock, isEnded } = bench(3)
  batch.add(done('a'))
  batch.add(done('b'))
  clock.advance(19)
  assert.deepEqual(settled, [])
  clock.advance(1)
  await turn()
  assert.deepEqual(settled, [['a', 'b']])
  assert.equal(isEnded(), false)
  batch.add(done('c'))
  await turn()
  assert.deepEqual(settled, [['a', 'b'], ['c']])
  assert.equal(isEnded(), true)
})

test('jobs that went back, or were settled elsewhere, are not waited for', async () => {
  const { batch, settled, isEnded } = bench(4)
  batch.add(done('a'))
  batch.add(undefined)
  batch.leave(2)
  await turn()
  assert.deepEqual(settled, [['a']])
  assert.equal(isEnded(), true)
  const empty = bench(2)
  empty.batch.leave(2)
  assert.equal(empty.isEnded(), true)
})

test('a settlement that fails is tried again with the same outcomes until it succeeds', async () => {
  let tries = 0
  const { batch, settled, told, clock } = bench(2, async () => {
    if (++tries < 4) throw new Error('the database is away')
    return ['b']
  })
  batch.add(done('a'))
  batch.add(done('b'))
  for (let round = 0; round < 6; round++) {
    await turn()
    clock.advance(5_000)
  }
  await turn()
  assert.deepEqual(settled, Array.from({ length: 4 }, () => ['a', 'b']))
  assert.deepEqual(told, [{ ids: ['a', 'b'], lost: ['b'] }])
})

test('once the lease is lost, a settlement that fails is not repeated for ever', async () => {
  const { batch, told, clock, controller, isEnded } = bench(1, async () => {
    throw new Error('the database is away')
  })
  controller.abort()
  batch.add(done('a'))
  await turn()
  clock.advance(5_000)
  await turn()
  await turn()
  assert.deepEqual(told, [{ ids: ['a'], lost: ['a'] }])
  assert.equal(isEnded(), true)
})

test('flush writes what has ended without waiting, and what comes meanwhile', async () => {
  const answers: (() => void)[] = []
  const { batch, settled } = bench(3, () => new Promise((resolve) => answers.push(() => resolve([]))))
  batch.add(done('a'))
  const flushed = batch.flush()
  await turn()
  assert.deepEqual(settled, [['a']])
  batch.add(done('b'))
  answers.shift()?.()
  await turn()
  answers.shift()?.()
  await flushed
  assert.deepEqual(settled, [['a'], ['b']])
})
