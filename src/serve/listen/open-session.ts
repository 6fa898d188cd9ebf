import type { Http2Session, ServerHttp2Stream } from 'node:http2'
import type { Clock } from '../../kernel/index.ts'

/** An HTTP/2 session of a client, and how to end it without losing a stream. It costs a counter per stream. */
export class OpenSession {
  readonly #session: Http2Session
  #streams = 0
  #onStream: (() => void) | undefined

  constructor (session: Http2Session) {
    this.#session = session
    // Ahead of node's own listener, which calls the handler.
    session.prependListener('stream', (stream: ServerHttp2Stream) => {
      this.#streams++
      this.#onStream?.()
      stream.once('close', () => this.#streams--)
    })
  }

  /**
   * Sends one GOAWAY that names the last stream served; streams in flight finish. It leaves ahead of the end
   * of an answer, so a client that asks one thing at a time knows before it asks again: at once when streams
   * are open, else with the next stream, or after `idleMs` of silence.
   *
   * A stream that crosses the GOAWAY is not served, and the client is told so: it may ask elsewhere. RFC 9113
   * would rather have a first GOAWAY that still lets such streams in. Node has no way to send it: nghttp2
   * ignores new streams after any GOAWAY that `Http2Session.goaway` sends, whatever stream it names.
   *
   * @see https://www.rfc-editor.org/rfc/rfc9113#section-6.8
   */
  closeWhenQuiet (clock: Clock, idleMs: number): void {
    const session = this.#session
    const close = (): void => {
      if (!session.closed && !session.destroyed) session.close()
    }
    if (this.#streams > 0) return close()
    const cancel = clock.after(idleMs, close)
    session.once('close', cancel)
    // By then all streams of one piece are read: the GOAWAY names the last of them. (LastRequests lets their
    // handlers wait as long.)
    this.#onStream = () => setImmediate(close)
  }

  /** Ends it now, with the streams in flight. */
  destroy (): void {
    this.#session.destroy()
  }
}
