// What stands behind Varnish: products in PostgreSQL, read by `GET /products/:id` and changed by `PUT`.
// BENCH_HEADERS says which caching headers the reads carry.
import pg from 'pg'
import { EdgeKeys, EdgePurges, postgresPurgeQueue, varnishPurger } from '../../src/answer/edge/index.ts'
import { transaction } from '../../src/data/index.ts'
import { defineService } from '../../src/index.ts'
import type { AppCache } from '../../src/serve/pipeline/index.ts'
import { MetricsRegistry } from '../../src/telemetry/index.ts'
import { plainHeaders, policy } from './subjects.ts'

interface ById {
  readonly Params: { readonly id: string }
}

const kind = process.env['BENCH_HEADERS'] ?? 'none'
const pool = new pg.Pool({ connectionString: process.env['BENCH_DATABASE'], max: 8 })
pool.on('error', () => {})
const instances: string[] = []
let cache: AppCache | undefined
let reads = 0

const purges = new EdgePurges({
  purgers: [varnishPurger({ instances: () => instances })],
  queue: postgresPurgeQueue({ pool }),
  keys: new EdgeKeys(),
  registry: new MetricsRegistry(),
  before: async (tags) => cache?.purge(tags, { soft: false }),
})

export default defineService({
  name: 'bench-edge',
  cache: { edge: { edges: ['varnish'] } },
  routes (app) {
    app.get<ById>('/products/:id', {
      config: { cache: kind === 'policy' && policy },
    }, async ({ params: { id } }, reply) => {
      reads++
      const { rows: [product] } = await pool.query({
        name: 'product',
        text: 'SELECT id, version, name, description FROM product WHERE id = $1',
        values: [id],
      })
      if (product === undefined) return reply.code(404).send()
      if (kind === 's-maxage') reply.header('cache-control', plainHeaders)
      return product
    })
    app.put<ById>('/products/:id', async ({ params: { id } }) =>
      transaction(pool, async (tx) => {
        const { rows: [changed] } = await tx.query(
          'UPDATE product SET version = version + 1 WHERE id = $1 RETURNING version',
          [id]
        )
        if (kind === 'policy') await purges.enqueue(tx, [`product:${id}`])
        return changed
      }))
    app.get('/reads', async () => ({ reads }))
    app.post<{ Body: { url: string } }>('/instances', async ({ body: { url } }) => {
      instances.push(url)
      return {}
    })
  },
  async warm (app) {
    if (kind === 'policy') cache = app.cache
    await purges.prepare()
    purges.start()
  },
})
