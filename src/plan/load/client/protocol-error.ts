/** What a server sent is not an HTTP/1.1 response to the request that was sent. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  /** Stable over releases: match on this, not on the message. */
  readonly code = 'LOAD_PROTOCOL'
}
