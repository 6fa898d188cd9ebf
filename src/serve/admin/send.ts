import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Problem, problemMediaType } from '../../kernel/index.ts'

/** Sends a whole body; Node.js leaves it out of an answer to HEAD. */
export function send (
  response: ServerResponse,
  statusCode: number,
  headers: Readonly<Record<string, string>>,
  body: string
): void {
  const length = Buffer.byteLength(body)
  response.writeHead(statusCode, { ...headers, 'content-length': length })
  response.end(body)
}

/** Sends a problem document. */
export function sendProblem (
  response: ServerResponse,
  problem: Problem,
  headers: Readonly<Record<string, string>> = {}
): void {
  const body = JSON.stringify(problem.toDocument())
  send(response, problem.statusCode, { ...headers, 'content-type': problemMediaType }, body)
}

/**
 * Sends chunks as they come. The next one is asked for only once the client has taken the last, and none
 * after the client has gone: a slow or vanished reader costs neither memory nor work.
 */
export async function sendChunks (response: ServerResponse, chunks: AsyncIterable<string>): Promise<void> {
  for await (const chunk of chunks) {
    if (!response.write(chunk)) await roomOrGone(response)
    // Leaving the loop tells the source that nobody wants the rest.
    if (response.destroyed) return
  }
  response.end()
}

async function roomOrGone (response: ServerResponse): Promise<void> {
  if (response.destroyed) return
  const done = new AbortController()
  const { signal } = done
  try {
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })])
  } finally {
    done.abort()
  }
}
