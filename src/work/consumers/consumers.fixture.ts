import { after, before } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { type Consumers, type ConsumersOptions, type ConsumersWorker, openConsumers } from './consumers.ts'
import type { Consumer } from './define-consumer.ts'
import { MemorySource } from './memory-source.fixture.ts'

/** A database with a table of effects, and a source; what a test opens is closed with it. */
export interface ConsumerTest extends AsyncDisposable {
  readonly pool: pg.Pool
  readonly source: MemorySource
  readonly registry: MetricsRegistry
  open(consumers: readonly Consumer[], options?: Partial<ConsumersOptions>): Promise<Consumers>
  /** Opens and starts. */
  run(consumers: readonly Consumer[], options?: Partial<ConsumersOptions>): Promise<
    Consumers & { readonly running: ConsumersWorker }
  >
  /** Effects as `order:nth`, in the order of their commits within an order. */
  effects(): Promise<readonly string[]>
  /** How often something became of an event. */
  count(consumer: string, outcome: string): number
}

let database: TestDatabase
let tests = 0

before(async () => {
  database = await testDatabase({ server: 'log' })
})
after(async () => {
  await database.close()
})

/** In a schema of its own, of one database for the whole file. */
export async function consumerTest (): Promise<ConsumerTest> {
  const schema = `test_${++tests}`
  const pool = new pg.Pool({ connectionString: database.url, max: 12, options: `-c search_path=${schema}` })
  pool.on('error', () => {})
  await pool.query(`CREATE SCHEMA ${schema}`)
  await pool.query('CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, order_id text, nth int)')
  const source = new MemorySource()
  const registry = new MetricsRegistry()
  const opened: Consumers[] = []
  const open: ConsumerTest['open'] = async (consumers, options = {}) => {
    const own = await openConsumers({
      pool,
      consumers,
      sources: { log: source },
      registry,
      ...options,
    })
    opened.push(own)
    return own
  }
  return {
    pool,
    source,
    registry,
    open,
    async run (consumers, options) {
      const own = await open(consumers, options)
      const running = own.worker()
      await running.start()
      return { ...own, running }
    },
    async effects () {
      const { rows } = await pool.query<{ effect: string }>(
        `SELECT order_id || ':' || nth AS effect FROM effect ORDER BY id`
      )
      return rows.map(({ effect }) => effect)
    },
    count (consumer, outcome) {
      const family = registry.snapshot().families.find(({ name }) =>
        name === 'plimsoll_consumer_messages_total'
      )
      const at =
        family?.labelValues.findIndex((value, index, all) =>
          index % 2 === 0 && value === consumer && all[index + 1] === outcome
        ) ?? -1
      return at < 0 ? 0 : family!.values[at / 2]!
    },
    async [Symbol.asyncDispose] () {
      for (const own of opened) await own.close()
      await pool.end()
    },
  }
}
