import type { Http2Session } from 'node:http2'
import type { Clock } from '../../kernel/index.ts'

const everyStream = 2 ** 31 - 1

/**
 * Ends an HTTP/2 session so that no stream the client opens meanwhile is lost: a first GOAWAY that refuses
 * nothing asks it to open no more; once it has answered a PING sent behind it, all that it opened before it
 * knew has arrived, and a second GOAWAY names the last one served. Streams in flight finish.
 *
 * @param waitMs the longest wait for that answer
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-6.8
 */
export function closeSession (session: Http2Session, clock: Clock, waitMs: number): void {
  if (session.closed || session.destroyed) return
  session.goaway(0, everyStream)
  const close = (): void => {
    cancel()
    if (!session.closed && !session.destroyed) session.close()
  }
  const cancel = clock.after(waitMs, close)
  session.once('close', cancel)
  session.ping(close)
}
