import Fastify, { type FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from '../../kernel/index.ts'
import { Idempotency, memoryIdempotencyStore } from '../../protect/idempotency/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import type { PipelineOptions } from './options.ts'
import { plimsoll } from './plugin.ts'

type Reads = NonNullable<PipelineOptions['reads']>

/** Notes who wrote and who has to see what; a unit that wrote is given a token with its id. */
class NotedReads implements Reads {
  readonly shown: unknown[] = []
  readonly #wrote = new WeakSet<Context>()

  withConsistency (token: unknown, context?: Context): void {
    this.shown.push([token, context?.id])
  }

  async consistencyToken (context?: Context): Promise<string | undefined> {
    return context !== undefined && this.#wrote.has(context) ? `after-${context.id}` : undefined
  }

  wrote (context?: Context): void {
    if (context !== undefined) this.#wrote.add(context)
  }
}

async function setup (reads: Reads, options: PipelineOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(plimsoll, { admission: false, reads, ...options })
  return app
}

test('what a client shows holds for its request, and who wrote is given a token for the next one', async () => {
  const reads = new NotedReads()
  const app = await setup(reads)
  app.get('/orders', async () => ({ shown: reads.shown.length }))
  app.post('/orders', async (request) => {
    reads.wrote(request.context)
    return {}
  })
  const headers = (id: string): Record<string, string> => ({ 'x-request-id': id })
  const written = await app.inject({ method: 'POST', url: '/orders', headers: headers('w') })
  const token = String(written.headers['plimsoll-consistency'])
  assert.equal(token, 'after-w')
  const read = await app.inject({
    url: '/orders',
    headers: { ...headers('r'), 'plimsoll-consistency': token },
  })
  assert.deepEqual(read.json(), { shown: 1 }, 'before its handler')
  assert.deepEqual(reads.shown, [[token, 'r']])
  assert.equal(read.headers['plimsoll-consistency'], undefined)
})

test('who is told again what was done under its key is given a token, since the first one was lost', async (t) => {
  const reads = new NotedReads()
  const idempotency = new Idempotency({ store: memoryIdempotencyStore(), registry: new MetricsRegistry() })
  const app = await setup(reads, { idempotency: idempotency as NonNullable<PipelineOptions['idempotency']> })
  t.after(async () => {
    await app.close()
    await idempotency.close()
  })
  app.post('/orders', { config: { idempotency: 'required' } }, async (request) => {
    reads.wrote(request.context)
    return {}
  })
  const ask = (id: string) =>
    app.inject({ method: 'POST', url: '/orders', headers: { 'idempotency-key': '"k"', 'x-request-id': id } })
  const [first, again] = [await ask('one'), await ask('two')]
  assert.deepEqual([first, again].map(({ headers }) => headers['plimsoll-consistency']), [
    'after-one',
    'after-two',
  ])
  assert.equal(again.headers['idempotent-replayed'], 'true')
})
