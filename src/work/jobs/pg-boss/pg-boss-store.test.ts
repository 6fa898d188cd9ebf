import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { claimed, empty, failure, newJob, someTier, tierOf } from '../store/store-under-test.fixture.ts'
import { testJobStore } from '../store/store.contract.ts'
import { pgBossLacks } from './lacks.ts'
import { pgBossJobStore } from './pg-boss-store.ts'

async function open () {
  const database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 8 })
  pool.on('error', () => {})
  const [store, other] = [pgBossJobStore({ pool }), pgBossJobStore({ pool })]
  await store.prepare()
  await other.prepare()
  return {
    store,
    other,
    pool,
    async [Symbol.asyncDispose] () {
      await Promise.all([store.close(), other.close()])
      await pool.end()
      await database.close()
    },
  }
}

testJobStore('pg-boss', open, { lacks: pgBossLacks })

test('pg-boss: what it lacks is told, and a cap is refused rather than forgotten', async () => {
  await using under = await open()
  assert.deepEqual(under.store.lacks, ['fairness', 'caps', 'names', 'suspects'])
  const capped = newJob(someTier(), { cap: 2, tenant: 'a' })
  await assert.rejects(under.store.enqueue(under.pool, [capped]), { code: 'JOB_STORE_LACKS', lack: 'caps' })
})

test('pg-boss: a job that somebody has cancelled in pg-boss itself does not come back', async () => {
  await using under = await open()
  const tier = someTier()
  const [retried, dying] = [newJob(tier), newJob(tier)]
  await under.store.enqueue(under.pool, [retried, dying])
  const { token } = await claimed(under.store, tier)
  await under.pool.query(`UPDATE pgboss.job SET state = 'cancelled', completed_on = now()`)
  await under.store.settle(token, [
    { id: retried.id, kind: 'retry', atMs: 0, error: failure },
    { id: dying.id, kind: 'dead', error: failure },
  ])
  assert.equal(await under.store.claim({ tier, limit: 10, leaseMs: 60_000 }), undefined)
  assert.deepEqual(await tierOf(under.store, tier), empty)
})
