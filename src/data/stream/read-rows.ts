import type { Pool, QueryResultRow } from 'pg'
import { type Transaction, transaction } from '../transaction/index.ts'
import type { StreamQuery } from './export-rows.ts'

export interface ReadRowsOptions {
  /** Rows that are fetched at once, two times as many are in memory; at least 1. @default 1,000 */
  readonly batch?: number
}

let cursors = 0

/**
 * The rows of a query one after the other, in constant memory: by a cursor in the database, of which the next rows are
 * fetched while those before are worked on.
 *
 * Given a pool it has a transaction, and so a connection and a snapshot, until the loop ends; given a transaction it is
 * part of that. Deadlines hold for each fetch. A loop that is left early closes the cursor.
 *
 *     for await (const order of readRows<Order>(app.data, { text: 'select * from "order" where customer = $1', values })) ...
 *
 * For answers use `exportRows`, which is several times faster.
 */
export async function* readRows<Row extends QueryResultRow> (
  source: Pool | Transaction,
  query: StreamQuery,
  options: ReadRowsOptions = {}
): AsyncGenerator<Row, void, undefined> {
  const { batch = 1_000 } = options
  if (!(batch >= 1)) throw new RangeError(`batch must be at least 1, got ${batch}`)
  if (!isPool(source)) return yield* fetchAll<Row>(source, query, Math.floor(batch))
  yield* inTransaction(source, (tx) => fetchAll<Row>(tx, query, Math.floor(batch)))
}

async function* fetchAll<Row extends QueryResultRow> (
  tx: Transaction,
  { text, values = [] }: StreamQuery,
  batch: number
): AsyncGenerator<Row, void, undefined> {
  const name = `plimsoll_${(cursors++).toString(36)}`
  await tx.query({ text: `declare ${name} no scroll cursor for\n${text}`, values: [...values] })
  const fetchNext = (): Promise<{ readonly rows: Row[] }> => tx.query<Row>(`fetch ${batch} from ${name}`)
  let failed = false
  let ahead: ReturnType<typeof fetchNext> | undefined = fetchNext()
  try {
    while (ahead !== undefined) {
      const { rows }: { readonly rows: Row[] } = await ahead
      ahead = rows.length < batch ? undefined : fetchNext()
      // It is awaited in the next round; until then its failure is nobody's surprise.
      ahead?.catch(() => {})
      yield* rows
    }
  } catch (error) {
    failed = true
    throw error
  } finally {
    await ahead?.catch(() => {})
    // A transaction that has failed takes nothing but its end.
    if (!failed) await tx.query(`close ${name}`)
  }
}

/** Keeps a transaction open for as long as a generator is read. */
async function* inTransaction<Row> (
  pool: Pool,
  rowsIn: (tx: Transaction) => AsyncGenerator<Row, void, undefined>
): AsyncGenerator<Row, void, undefined> {
  const begun = Promise.withResolvers<Transaction>()
  const over = Promise.withResolvers<void>()
  const done = transaction(pool, async (tx) => {
    // All rows are wanted, not the first tenth, for which a cursor is planned otherwise.
    await tx.query('set local cursor_tuple_fraction to 1')
    begun.resolve(tx)
    await over.promise
  })
  done.catch(begun.reject)
  const tx = await begun.promise
  try {
    yield* rowsIn(tx)
    over.resolve()
  } catch (error) {
    over.reject(error)
    await done.catch(() => {})
    throw error
  } finally {
    over.resolve()
    await done.catch(() => {})
  }
}

function isPool (source: Pool | Transaction): source is Pool {
  return 'totalCount' in source
}
