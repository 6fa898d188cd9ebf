import pg from 'pg'
import { testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { postgresJobStore } from './postgres-store.ts'
import { testJobStore } from './store.contract.ts'

testJobStore('postgres', async () => {
  const database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 8 })
  pool.on('error', () => {})
  const [store, other] = [postgresJobStore({ pool }), postgresJobStore({ pool })]
  await Promise.all([store.prepare(), other.prepare()])
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
})
