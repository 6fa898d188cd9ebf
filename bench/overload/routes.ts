import type { FastifyInstance } from 'fastify'
import { kinds, Work } from './work.ts'

/** What all Fastify subjects serve; a plain plugin. The lanes mean something to Plimsoll alone. */
export default async function routes (app: FastifyInstance): Promise<void> {
  const work = new Work()
  app.addHook('onClose', () => work.close())
  for (const kind of kinds) {
    app.get(`/${kind}`, async () => work.run(kind))
    app.get(`/critical/${kind}`, { config: { criticality: 'critical' } }, async () => work.run(kind))
    app.get(`/background/${kind}`, { config: { criticality: 'background' } }, async () => work.run(kind))
  }
  // A fault, not a request: nobody is to refuse it.
  app.get('/bench/block', { config: { exempt: true } }, async () => {
    work.block(300)
    return { ok: true }
  })
}
