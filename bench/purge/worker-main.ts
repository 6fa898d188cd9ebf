// A worker that serves a value of a database: `GET /values/:key`. Its database is a Redis, which counts the runs, too.
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { setTimeout as pause } from 'node:timers/promises'
import { redisSharedCache } from '../../src/answer/cache/shared/index.ts'
import { plimsoll } from '../../src/serve/pipeline/index.ts'
import { listen } from '../floor/listen.ts'
import { handlerMs, type SubjectName } from './subjects.ts'

const subject = process.env['SUBJECT'] as SubjectName
const connection = { port: Number(process.env['REDIS_PORT']) }
const database = new Redis(connection)
const redis = new Redis(connection)

async function run (key: string): Promise<string> {
  await database.incr(`runs:${key}`)
  if (key.startsWith('slow')) await pause(handlerMs)
  return JSON.stringify({ version: Number(await database.get('version')) })
}

const serve: Readonly<Record<SubjectName, (app: FastifyInstance) => Promise<void>>> = {
  async fleet (app) {
    const shared = redisSharedCache({ redis, prefix: 'bench' })
    await app.register(plimsoll, { cache: { shared } })
    await app.register(async (routes) => {
      routes.get<{ Params: { key: string } }>('/values/:key', {
        config: { cache: { ttl: '1h', scope: 'public', tags: ['value:{key}'] } },
      }, async (request, reply) => reply.type('application/json').send(await run(request.params.key)))
      routes.post<{ Params: { key: string }; Querystring: { soft?: string } }>(
        '/purge/:key',
        async ({ params, query }) => routes.cache.purge([`value:${params.key}`], { soft: query.soft === '1' })
      )
      routes.get('/current', async () => ({ current: shared.purges.current }))
    })
  },

  async dedupe (app) {
    const underWay = new Map<string, Promise<string>>()
    const kept = new Map<string, string>()
    app.get<{ Params: { key: string } }>('/values/:key', async ({ params: { key } }) => {
      const known = kept.get(key) ?? underWay.get(key)
      if (known !== undefined) return known
      const made = run(key)
      underWay.set(key, made)
      kept.set(key, await made)
      underWay.delete(key)
      return made
    })
  },

  async aside (app) {
    app.get<{ Params: { key: string } }>('/values/:key', async ({ params: { key } }) => {
      const known = await redis.get(`aside:${key}`)
      if (known !== null) return known
      const made = await run(key)
      await redis.set(`aside:${key}`, made, 'PX', 3_600_000)
      return made
    })
  },
}

const app = Fastify()
await serve[subject](app)
await listen(app)
