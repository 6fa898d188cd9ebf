import pg from 'pg'
import { Type } from 'typebox'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { defineEvent } from '../events/index.ts'
import { openOutbox, type Outbox, type OutboxOptions } from './open-outbox.ts'
import type { LoggedMessage } from './outbox-log.ts'

/** An event for tests: `n` counts, `key` is its aggregate. */
export const counted = defineEvent(
  'thing.counted',
  1,
  Type.Object({ key: Type.String(), n: Type.Number() }),
  {
    key: ({ key }) => key,
  }
)

export interface TestOutbox extends AsyncDisposable {
  readonly url: string
  readonly pool: pg.Pool
  readonly outbox: Outbox
  /** Emits in a transaction of its own, one event after the other. */
  emit(key: string, ...numbers: readonly number[]): Promise<void>
  /** A transaction that is begun, and not ended before `end` is called. */
  begin(): Promise<OpenTransaction>
  /** See {@link quiet}. */
  quiet(): Promise<void>
  /** All that is in the log and can be read by now, whatever other tests do. */
  all(): Promise<readonly LoggedMessage[]>
}

export interface OpenTransaction {
  readonly client: pg.PoolClient
  end(how: 'commit' | 'rollback'): Promise<void>
}

/**
 * Waits until no transaction of other databases is older than this call: the server is shared with other tests, and
 * transaction ids are the server's. What was committed before can be read after it.
 */
export async function quiet (pool: pg.Pool): Promise<void> {
  // An id of its own is above those of all that run; a snapshot's xmax need not be, it only goes by what has ended.
  const { rows: [now] } = await pool.query('select pg_current_xact_id()::xid as xid')
  await waitUntil('the transactions of other tests have ended', async () => {
    const { rowCount } = await pool.query(
      `select from pg_stat_activity where datname <> current_database() and age(backend_xid) > age($1::xid)`,
      [now.xid]
    )
    return rowCount === 0
  })
}

/** An outbox in a database of its own. */
export async function testOutbox (options: Partial<OutboxOptions> = {}): Promise<TestOutbox> {
  const database: TestDatabase = await testDatabase({ server: 'log' })
  const pool = new pg.Pool({ connectionString: database.url, max: 20 })
  const outbox = await openOutbox({ pool, ...options })
  const open = new Set<pg.PoolClient>()
  return {
    url: database.url,
    pool,
    outbox,
    async emit (key, ...numbers) {
      for (const n of numbers) await counted.emit(pool, { key, n })
    },
    async begin () {
      const client = await pool.connect()
      open.add(client)
      await client.query('begin')
      return {
        client,
        async end (how) {
          await client.query(how)
          open.delete(client)
          client.release()
        },
      }
    },
    quiet: () => quiet(pool),
    async all () {
      await quiet(pool)
      return (await outbox.read({ after: undefined, limit: 1_000_000 })).messages
    },
    async [Symbol.asyncDispose] () {
      for (const client of open) client.release(true)
      await outbox.close()
      await pool.end()
      await database.close()
    },
  }
}

export function numbersOf (messages: readonly { readonly payload: string }[]): readonly number[] {
  return messages.map(({ payload }) => counted.read({ type: 'thing.counted', id: '', version: 1, payload }).n)
}
