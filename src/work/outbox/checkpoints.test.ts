import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transaction } from '../../data/index.ts'
import { comparePositions, logStart } from '../events/index.ts'
import { testOutbox } from './outbox.fixture.ts'

test("a checkpoint is made once, at the start, the head or a place of one's own", async () => {
  await using under = await testOutbox()
  const { outbox: { checkpoints } } = under
  await under.emit('a', 1)
  const [event] = await under.all()
  assert.deepEqual((await checkpoints.open('one', 'start')).position, logStart)
  await under.quiet()
  assert.ok(comparePositions((await checkpoints.open('two', 'head')).position, event!.position) > 0)
  assert.deepEqual((await checkpoints.open('three', event!.position)).position, event!.position)
  assert.deepEqual((await checkpoints.open('three', 'start')).position, event!.position)
  assert.deepEqual((await checkpoints.list()).map(({ name }) => name), ['one', 'three', 'two'])
  const all = await Promise.all(Array.from({ length: 5 }, () => checkpoints.open('four', 'head')))
  assert.equal(new Set(all.map(({ position }) => position.xid)).size, 1)
})

test('a checkpoint moves with the transaction it is saved in, forth and back', async () => {
  await using under = await testOutbox()
  const { outbox: { checkpoints }, pool } = under
  await under.emit('a', 1)
  const [event] = await under.all()
  await checkpoints.open('one', 'start')
  await assert.rejects(transaction(pool, async (tx) => {
    assert.equal(await checkpoints.save(tx, 'one', event!.position, 0n), true)
    throw new Error('no')
  }))
  assert.deepEqual((await checkpoints.open('one', 'start')).position, logStart)
  await checkpoints.save(pool, 'one', event!.position, 0n)
  assert.deepEqual((await checkpoints.open('one', 'start')).position, event!.position)
  await checkpoints.save(pool, 'one', logStart, 0n)
  assert.deepEqual((await checkpoints.open('one', 'start')).position, logStart)
})

test('who has a lower token than the last who saved saves nothing; nor does anybody what was removed', async () => {
  await using under = await testOutbox()
  const { outbox: { checkpoints }, pool } = under
  const head = await under.outbox.head()
  await checkpoints.open('one', 'start')
  assert.equal(await checkpoints.save(pool, 'one', head, 7n), true)
  assert.equal(await checkpoints.save(pool, 'one', logStart, 6n), false)
  const [one] = await checkpoints.list()
  assert.deepEqual([one!.position, one!.token], [head, '7'])
  assert.equal(await checkpoints.save(pool, 'one', logStart, 7n), true)
  assert.equal(await checkpoints.remove('one'), true)
  assert.equal(await checkpoints.remove('one'), false)
  assert.equal(await checkpoints.save(pool, 'one', head, 8n), false)
})
