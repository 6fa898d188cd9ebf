import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { newJob, someTier } from '../store/store-under-test.fixture.ts'
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
