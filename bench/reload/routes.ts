import type { FastifyInstance } from 'fastify'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { bodies, slowMs, streamChunk, streamChunks, streamGapMs } from './paths.ts'

/** What every Node subject of the reload benchmark serves: an answer at once, a late one, a long one. */
export default async function routes (app: FastifyInstance): Promise<void> {
  app.get('/ping', async () => bodies.ping)
  app.get('/slow', async () => {
    await pause(slowMs)
    return bodies.slow
  })
  app.get('/stream', (_request, reply) => {
    reply.type('text/plain')
    return reply.send(Readable.from(chunks()))
  })
}

async function* chunks (): AsyncGenerator<string> {
  for (let sent = 0; sent < streamChunks; sent++) {
    if (sent > 0) await pause(streamGapMs)
    yield streamChunk
  }
}
