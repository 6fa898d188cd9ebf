import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock, seededRandom } from '../../kernel/index.ts'
import { recordingPool } from './recording-pool.fixture.ts'
import { type WriteThrough, writeThrough } from './write-through.ts'

interface Subject {
  readonly through: WriteThrough
  /** Statements and purges, in their order. */
  readonly log: string[]
  readonly clock: ReturnType<typeof manualClock>
  failNext(text: string): void
  purgeFails: boolean
}

function subject (): Subject {
  const { pool, statements, failNext } = recordingPool()
  const clock = manualClock()
  const made: Subject = {
    log: statements,
    clock,
    failNext,
    purgeFails: false,
    through: writeThrough({
      pool,
      clock,
      random: seededRandom(1),
      async purge (tags) {
        statements.push(`purge ${tags}`)
        if (made.purgeFails) throw new Error('the cache is away')
      },
      onPurgeFailed: (_, tags) => statements.push(`failed ${tags}`),
    }),
  }
  return made
}

test('the purge comes after the commit, once, with all tags, and the result after the purge', async () => {
  const { through, log } = subject()
  const result = await through.run(async (tx, changed) => {
    changed('product:1', 'list')
    await tx.query('update')
    changed('product:1')
    return 'done'
  })
  assert.equal(result, 'done')
  assert.deepEqual(log, ['begin', 'update', 'commit', 'purge product:1,list'])
})

test('a write that changes nothing of the cache purges nothing', async () => {
  const { through, log } = subject()
  await through.run(async () => {})
  assert.deepEqual(log, ['begin', 'commit'])
})

test('what was rolled back purges nothing', async () => {
  const { through, log } = subject()
  const failing = through.run(async (_, changed) => {
    changed('product:1')
    throw new Error('second thoughts')
  })
  await assert.rejects(failing, /second thoughts/)
  assert.deepEqual(log, ['begin', 'rollback'])
})

test('a commit that may have happened purges all the same, and its error is thrown', async () => {
  const { through, log, failNext } = subject()
  failNext('commit')
  await assert.rejects(through.run(async (_, changed) => changed('product:1')), /commit failed/)
  assert.ok(log.includes('purge product:1'))
})

test('a purge that fails leaves the write standing, is told, and is tried again until it succeeds', async () => {
  const on = subject()
  on.purgeFails = true
  assert.equal(await on.through.run(async (_, changed) => changed('a')), undefined)
  await on.through.run(async (_, changed) => changed('b'))
  assert.equal(on.through.unpurged, 2)
  assert.deepEqual(on.log.filter((line) => line.startsWith('failed')), ['failed a', 'failed b'])
  on.log.length = 0
  on.clock.advance(10_000)
  await settled()
  assert.deepEqual(on.log, ['purge a,b', 'failed a,b'])
  on.purgeFails = false
  on.clock.advance(10_000)
  await settled()
  assert.equal(on.through.unpurged, 0)
  on.log.length = 0
  on.clock.advance(60_000)
  await settled()
  assert.deepEqual(on.log, [], 'nothing is left to try')
})

test('a close tries once more what could not be purged', async () => {
  const on = subject()
  on.purgeFails = true
  await on.through.run(async (_, changed) => changed('a'))
  on.purgeFails = false
  await on.through.close()
  assert.equal(on.through.unpurged, 0)
  assert.equal(on.clock.pending(), 0)
})

/** Until what the clock has begun has come to its end: all of it is in memory. */
async function settled (): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}
