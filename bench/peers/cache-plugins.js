// The usual plugins with the usual cache: async-cache-dedupe in memory, and @fastify/etag.
import fastifyEtag from '@fastify/etag'
import { createCache } from 'async-cache-dedupe'
import { thingCount, thingJson } from '../cache/things.ts'
import { listen } from '../floor/listen.ts'
import { fastifyWithPlugins } from './usual-plugins.js'

const cache = createCache({ ttl: 3600, storage: { type: 'memory', options: { size: 2 * thingCount } } })
let runs = 0
cache.define('thing', async (id) => {
  runs++
  return JSON.parse(thingJson(id))
})

const app = await fastifyWithPlugins()
await app.register(fastifyEtag)
const properties = {
  id: { type: 'integer' },
  sku: { type: 'string' },
  name: { type: 'string' },
  description: { type: 'string' },
  priceCents: { type: 'integer' },
  currency: { type: 'string' },
  stock: { type: 'integer' },
  updatedAt: { type: 'string' },
}
app.get('/things/:id', {
  schema: {
    params: { type: 'object', properties: { id: { type: 'integer', minimum: 1 } }, required: ['id'] },
    response: { 200: { type: 'object', properties } },
  },
}, (request) => cache.thing(request.params.id))
app.get('/bench/runs', async () => ({ runs }))
await listen(app)
