import { explainSocketError } from '../explain-socket-error.ts'

/** What a failed connection means and what to do about it, in one sentence to follow "is unavailable:". */
export function explainNatsError (error: unknown): string {
  const said = error instanceof Error ? error.message : String(error)
  const name = error instanceof Error ? error.name : ''
  const causes = error instanceof AggregateError ? error.errors : []
  const socket = [error, ...causes].map((one) => explainSocketError('NATS', one)).find((text) =>
    text !== undefined
  )
  if (socket !== undefined) return socket
  if (/authorization violation|authentication/i.test(said)) {
    return 'it refused the user, password or token; correct them'
  }
  if (name === 'TimeoutError' || /timed? ?out|timeout/i.test(said)) {
    return 'it did not answer in time; check host, port and firewall'
  }
  if (/refused/i.test(said)) return 'nothing listens there; start NATS, or correct host and port'
  return said === '' ? name : said
}
