import { explainSocketError } from '../explain-socket-error.ts'

/** What a failed connection means and what to do about it, in one sentence to follow "is unavailable:". */
export function explainRabbitmqError (error: unknown): string {
  const said = error instanceof Error ? error.message : String(error)
  if (/ACCESS_REFUSED/.test(said))
    return 'it refused the user and password, or the user may not enter; correct them'
  // The client keeps to itself what the server said to that; a virtual host is all that is opened.
  if (/NOT_ALLOWED|Expected ConnectionOpenOk/.test(said)) {
    return 'it does not let this user into the virtual host; make it, or give the user permissions there'
  }
  if (/CONNECTION_FORCED/.test(said))
    return 'it closed the connection, as it does when it is stopped; start it again'
  if (/heartbeat timeout/i.test(said)) return 'it fell silent; the connection is given up'
  return explainSocketError('RabbitMQ', error) ?? said
}
