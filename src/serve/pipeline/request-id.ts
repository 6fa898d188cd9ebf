import type { IncomingMessage } from 'node:http'
import { idSource, type Random } from '../../kernel/index.ts'

/** The header that carries a request's id in and out. */
export const requestIdHeader = 'x-request-id'

/** What is safe to write into a log line and to send back: no spaces, no control characters, not long. */
const acceptable = /^[\w.:=+/@-]{1,128}$/

/** Takes the caller's `x-request-id` when it is acceptable, else makes one. A bad one is no error. */
export function requestIds (random: Random): (request: Pick<IncomingMessage, 'headers'>) => string {
  const next = idSource(random)
  return function requestId ({ headers }) {
    const given = headers[requestIdHeader]
    return typeof given === 'string' && acceptable.test(given) ? given : next()
  }
}
