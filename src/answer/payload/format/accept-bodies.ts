import type { FastifyInstance, FastifyRequest } from 'fastify'
import { messagePackTypes } from './formats.ts'
import { unpackMessage } from './message-pack.ts'

/** Marks the config of routes that read MessagePack. */
export const readsMessagePack: unique symbol = Symbol('plimsoll.reads-message-pack')

declare module 'fastify' {
  interface FastifyContextConfig {
    [readsMessagePack]?: true
  }
}

/**
 * Lets an app's routes read bodies in MessagePack, those that are marked; elsewhere such a body gets 415 as before.
 * The route's `bodyLimit` holds.
 */
export function acceptMessagePack (app: FastifyInstance): void {
  const options = { parseAs: 'buffer' } as const
  app.addContentTypeParser([...messagePackTypes], options, (request: FastifyRequest, body: Buffer, done) => {
    if (request.routeOptions.config[readsMessagePack] !== true) return done(unsupported())
    try {
      done(null, unpackMessage(body))
    } catch (error) {
      done(error as Error)
    }
  })
}

/** What Fastify itself answers to a type that nobody reads. */
function unsupported (): Error {
  const error = new Error('Unsupported Media Type')
  return Object.assign(error, { code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415 })
}
