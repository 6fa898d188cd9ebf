import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { TestContext } from 'node:test'
import { Problem, problemMediaType } from '../../kernel/index.ts'
import { acceptMessagePack } from './format/index.ts'
import type { PayloadCommons, PayloadSettings } from './settings.ts'
import { finishRoute, shapeRoute } from './shape-route.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    payload?: PayloadSettings
  }
}

/** An app whose routes are shaped by `config.payload`, as the request path does it. */
export function shapedApp (
  t: TestContext,
  commons: Partial<PayloadCommons> = {},
  options: FastifyServerOptions = {}
): FastifyInstance {
  const app = Fastify(options)
  t.after(() => app.close())
  acceptMessagePack(app)
  app.addHook('onRoute', (route) => {
    const all = { bodyLimit: 1_048_576, ...commons }
    shapeRoute(route, route.config?.payload ?? {}, all)
    finishRoute(route, route.config?.payload ?? {}, all)
  })
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const document = error instanceof Problem ? error.toDocument() : { message: error.message }
    return reply.code(error.statusCode ?? 500).header('content-type', problemMediaType)
      .serializer(JSON.stringify).send(document)
  })
  return app
}
