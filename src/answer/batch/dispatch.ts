import type { FastifyInstance } from 'fastify'
import inject from 'light-my-request'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { addAbortSignal, type Readable } from 'node:stream'
import { type BatchMembership, joinBatch } from './membership/index.ts'
import type { HeaderFields } from './part-headers.ts'

/** A request to be sent to the app itself. */
export interface PartRequest {
  readonly method: string
  readonly path: string
  readonly headers: HeaderFields
  readonly body: string | undefined
  /** The connection that the batch came over. */
  readonly socket: Pick<Socket, 'remoteAddress'> & { readonly encrypted?: boolean }
  readonly membership: BatchMembership
}

export interface PartAnswer {
  readonly status: number
  readonly headers: Readonly<OutgoingHttpHeaders>
  readonly body: Buffer
}

/** The body of a part was larger than there was room for. */
export class NoRoomError extends Error {
  override readonly name = 'NoRoomError'
}

/**
 * Sends a request to the app as if it had come over a connection: through everything that a request passes.
 *
 * @param takeRoom asked for each chunk of the body, in bytes; false gives the answer up
 * @throws NoRoomError, the signal's reason, or the error that broke the answer off
 */
export async function dispatchPart (
  app: FastifyInstance,
  { method, path, headers, body, socket, membership }: PartRequest,
  takeRoom: (bytes: number) => boolean,
  signal: AbortSignal
): Promise<PartAnswer> {
  signal.throwIfAborted()
  let response: ServerResponse | undefined
  // As when a connection breaks: who works on the part hears that nobody waits for it.
  const leave = (): void => void response?.destroy()
  signal.addEventListener('abort', leave, { once: true })
  const options = {
    method,
    url: path,
    headers,
    payloadAsStream: true,
    ...body === undefined ? {} : { payload: body },
  }
  try {
    const answer = await new Promise<inject.Response>((resolve, reject) => {
      const dispatch = (request: IncomingMessage, reply: ServerResponse): void => {
        response = reply
        // A UNIX socket has no address, and is not to get one here.
        Object.assign(request.socket, { remoteAddress: socket.remoteAddress, encrypted: socket.encrypted })
        joinBatch(request, membership)
        app.routing(request, reply)
      }
      inject(dispatch, options, (error, answer) => {
        if (answer === undefined) reject(error ?? new Error('no answer'))
        else resolve(answer)
      })
    })
    const stream = addAbortSignal(signal, answer.stream())
    return { status: answer.statusCode, headers: answer.headers, body: await readBody(stream, takeRoom) }
  } catch (error) {
    leave()
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

async function readBody (stream: Readable, takeRoom: (bytes: number) => boolean): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (!takeRoom(chunk.length)) throw new NoRoomError()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
