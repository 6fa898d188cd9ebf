/** What a response turned out to be, judged to its last byte. */
export interface ReadResponse {
  readonly statusCode: number
  /** Bytes of the body, without the framing of chunks. */
  readonly bodyBytes: number
  /** The server will close the connection after this response, or its length is told by closing. */
  readonly closes: boolean
}

type State = 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'trailer' | 'until-close'

/**
 * Reads the responses of one HTTP/1.1 connection with one request outstanding at a time.
 *
 * It believes nothing but the framing: a response is complete when all bytes that Content-Length or the
 * chunks promise have come, so that one that was cut short is never taken for a whole one.
 */
export class ResponseReader {
  #buffer: Buffer = Buffer.alloc(0)
  #state: State = 'head'
  #statusCode = 0
  #closes = false
  #bodyBytes = 0
  #left = 0

  /** Whether the response that is due has begun to arrive. */
  get begun (): boolean {
    return this.#state !== 'head' || this.#buffer.length > 0
  }

  /**
   * Takes what the connection delivered.
   *
   * @returns the response that these bytes complete, or `undefined` as long as there is more to come
   * @throws Error for what is not HTTP/1.1, and for bytes after a response that nobody asked for
   */
  read (bytes: Buffer): ReadResponse | undefined {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes])
    while (this.#step()) {
      if (this.#state !== 'head') continue
      if (this.#buffer.length > 0) throw new Error('bytes after the response')
      return { statusCode: this.#statusCode, bodyBytes: this.#bodyBytes, closes: this.#closes }
    }
    return undefined
  }

  /** The connection was closed in order: that completes a response without a length, and only that. */
  end (): ReadResponse | undefined {
    if (this.#state !== 'until-close') return undefined
    this.#state = 'head'
    return { statusCode: this.#statusCode, bodyBytes: this.#bodyBytes, closes: true }
  }

  /** @returns whether a part was read; the state 'head' again says that the response is complete */
  #step (): boolean {
    switch (this.#state) {
      case 'head':
        return this.#readHead()
      case 'chunk-size':
        return this.#readChunkSize()
      case 'trailer':
        return this.#readTrailer()
      default:
        return this.#readBody()
    }
  }

  #readHead (): boolean {
    const head = this.#take('\r\n\r\n')
    if (head === undefined) return false
    const [, minor, status] = /^HTTP\/1\.([01]) (\d{3})/.exec(head) ?? []
    if (status === undefined) throw new Error(`not a response: ${head.slice(0, 40)}`)
    this.#statusCode = Number(status)
    this.#bodyBytes = 0
    this.#closes = /^connection: *close/im.test(head) ||
      (minor === '0' && !/^connection: *keep-alive/im.test(head))
    if (/^transfer-encoding: *chunked/im.test(head)) this.#state = 'chunk-size'
    else {
      const length = /^content-length: *(\d+)/im.exec(head)?.[1]
      const empty = this.#statusCode === 204 || this.#statusCode === 304
      this.#left = Number(length ?? (empty ? 0 : Number.POSITIVE_INFINITY))
      this.#state = this.#left === 0 ?
        'head' :
        this.#left === Number.POSITIVE_INFINITY ?
        'until-close' :
        'length'
    }
    return true
  }

  #readChunkSize (): boolean {
    const line = this.#take('\r\n')
    if (line === undefined) return false
    if (!/^[\da-f]+/i.test(line)) throw new Error(`not a chunk: ${line.slice(0, 40)}`)
    const size = Number.parseInt(line, 16)
    this.#left = size + 2 // the line end after the data
    this.#bodyBytes -= size === 0 ? 0 : 2
    this.#state = size === 0 ? 'trailer' : 'chunk-data'
    return true
  }

  #readTrailer (): boolean {
    const line = this.#take('\r\n')
    if (line === undefined) return false
    if (line === '') this.#state = 'head'
    return true
  }

  #readBody (): boolean {
    if (this.#buffer.length === 0) return false
    const count = Math.min(this.#left, this.#buffer.length)
    this.#buffer = this.#buffer.subarray(count)
    this.#bodyBytes += count
    this.#left -= count
    if (this.#left === 0) this.#state = this.#state === 'chunk-data' ? 'chunk-size' : 'head'
    return true
  }

  #take (end: string): string | undefined {
    const at = this.#buffer.indexOf(end)
    if (at === -1) return undefined
    const text = this.#buffer.toString('latin1', 0, at)
    this.#buffer = this.#buffer.subarray(at + end.length)
    return text
  }
}
