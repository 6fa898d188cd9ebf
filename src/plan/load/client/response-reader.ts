import { ProtocolError } from './protocol-error.ts'
import { mayBegin, readHead, type ResponseHead } from './response-head.ts'

/** What a response turned out to be, judged to its last byte. */
export interface ReadResponse {
  readonly statusCode: number
  /** Bytes of the body, without the framing of chunks. */
  readonly bodyBytes: number
  /** The server will close the connection after this response, or its length is told by closing. */
  readonly closes: boolean
}

/** Of a response that was to be kept. */
export interface KeptResponse {
  /** Status line and header fields. */
  readonly head: string
  readonly body: Buffer
}

type State = 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailer' | 'until-close'

/** Longer heads, chunk lines and trailers are taken for nonsense. */
const maximumLineBytes = 64 * 1024
const nothing = Buffer.alloc(0)

/**
 * Reads the responses of one HTTP/1.1 connection with one request outstanding at a time.
 *
 * It believes nothing but the framing: a response is complete when all bytes that Content-Length or the
 * chunks promise have come, so that one that was cut short is never taken for a whole one. Interim responses
 * (1xx) are passed over. Bodies are counted, not kept, unless asked for.
 */
export class ResponseReader {
  #state: State = 'head'
  /** The beginning of a head or a line whose end has not come yet: a copy. */
  #carry: Buffer = nothing
  readonly #head: ResponseHead = { statusCode: 0, closes: false, framing: 'length', length: 0 }
  #bodyBytes = 0
  #left = 0
  #isHead = false
  #keep = false
  #keptHead = ''
  readonly #keptBody: Buffer[] = []

  /** Whether the response that is due has begun to arrive. */
  get begun (): boolean {
    return this.#state !== 'head' || this.#carry.length > 0
  }

  /** Says what the next response answers. @param isHead its request is HEAD: no body, whatever the head says */
  expect (isHead: boolean, keep = false): void {
    this.#isHead = isHead
    this.#keep = keep
    this.#keptBody.length = 0
  }

  /** The response that was read last, if it was to be kept. */
  kept (): KeptResponse {
    return { head: this.#keptHead, body: Buffer.concat(this.#keptBody) }
  }

  /**
   * Takes what the connection delivered. The bytes are not needed after the call.
   *
   * @param length how many of the bytes count
   * @returns the response that these bytes complete, or `undefined` as long as there is more to come
   * @throws ProtocolError for what is not HTTP/1.1, and for bytes after a response that nobody asked for
   */
  read (bytes: Buffer, length: number = bytes.length): ReadResponse | undefined {
    let buffer = bytes
    let end = length
    if (this.#carry.length > 0) {
      buffer = Buffer.concat([this.#carry, bytes.subarray(0, length)])
      end = buffer.length
      this.#carry = nothing
    }
    let at = 0
    for (;;) {
      const next = this.#step(buffer, at, end)
      if (next === -1) {
        this.#hold(buffer, at, end)
        return undefined
      }
      at = next
      if (this.#state === 'head' && !this.#isInterim()) {
        if (at < end) throw new ProtocolError('bytes after the response')
        return this.#complete(this.#head.closes)
      }
    }
  }

  /** The connection was closed in order: that completes a response without a length, and only that. */
  end (): ReadResponse | undefined {
    if (this.#state !== 'until-close') return undefined
    this.#state = 'head'
    return this.#complete(true)
  }

  /** @returns the index after the part that was read, or -1 when it is not there as a whole */
  #step (bytes: Buffer, at: number, end: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, at, end)
      case 'chunk-size':
        return this.#readChunkSize(bytes, at, end)
      case 'chunk-end':
        return this.#readChunkEnd(bytes, at, end)
      case 'trailer':
        return this.#readTrailer(bytes, at, end)
      default:
        return this.#readBody(bytes, at, end)
    }
  }

  #readHead (bytes: Buffer, at: number, end: number): number {
    if (!mayBegin(bytes, at, end)) {
      throw new ProtocolError(
        `not a response: ${JSON.stringify(bytes.toString('latin1', at, Math.min(end, at + 40)))}`
      )
    }
    const emptyLineAt = bytes.indexOf('\r\n\r\n', at, 'latin1')
    if (emptyLineAt === -1 || emptyLineAt + 4 > end) return -1
    const head = this.#head
    const bodyAt = emptyLineAt + 4
    readHead(bytes, at, bodyAt, head)
    if (head.statusCode === 101) throw new ProtocolError('101: another protocol, which nobody asked for')
    if (this.#isInterim()) return bodyAt
    if (this.#keep) this.#keptHead = bytes.toString('latin1', at, emptyLineAt)
    this.#bodyBytes = 0
    if (this.#isHead || head.statusCode === 204 || head.statusCode === 304) return bodyAt
    if (head.framing === 'chunked') this.#state = 'chunk-size'
    else if (head.framing === 'until-close') this.#openEnd()
    else if (head.length > 0) {
      this.#left = head.length
      this.#state = 'length'
    }
    return bodyAt
  }

  #openEnd (): void {
    this.#left = Infinity
    this.#state = 'until-close'
  }

  #readChunkSize (bytes: Buffer, at: number, end: number): number {
    const lineAt = lineEndIn(bytes, at, end)
    if (lineAt === -1) return -1
    const line = bytes.toString('latin1', at, lineAt)
    // Hexadecimal, then nothing or an extension (RFC 9112, 7.1.1).
    if (!/^[\da-f]{1,12}[ \t]*(?:;|$)/i.test(line)) {
      throw new ProtocolError(`not a chunk: ${JSON.stringify(line.slice(0, 40))}`)
    }
    this.#left = Number.parseInt(line, 16)
    this.#state = this.#left === 0 ? 'trailer' : 'chunk-data'
    return lineAt + 2
  }

  #readChunkEnd (bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return -1
    if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) {
      throw new ProtocolError('a chunk is longer than it says')
    }
    this.#state = 'chunk-size'
    return at + 2
  }

  #readTrailer (bytes: Buffer, at: number, end: number): number {
    const lineAt = lineEndIn(bytes, at, end)
    if (lineAt === -1) return -1
    if (lineAt === at) this.#state = 'head'
    return lineAt + 2
  }

  #readBody (bytes: Buffer, at: number, end: number): number {
    if (at === end) return -1
    const count = Math.min(this.#left, end - at)
    if (this.#keep) this.#keptBody.push(Buffer.from(bytes.subarray(at, at + count)))
    this.#bodyBytes += count
    this.#left -= count
    if (this.#left === 0) this.#state = this.#state === 'chunk-data' ? 'chunk-end' : 'head'
    return at + count
  }

  #isInterim (): boolean {
    return this.#head.statusCode < 200
  }

  #hold (bytes: Buffer, at: number, end: number): void {
    if (at === end) return
    if (end - at > maximumLineBytes) throw new ProtocolError('a head or a line without an end')
    this.#carry = Buffer.from(bytes.subarray(at, end))
  }

  #complete (closes: boolean): ReadResponse {
    return { statusCode: this.#head.statusCode, bodyBytes: this.#bodyBytes, closes }
  }
}

/** @returns the index of the line's end; -1 when it has not come */
function lineEndIn (bytes: Buffer, at: number, end: number): number {
  const lineAt = bytes.indexOf('\r\n', at, 'latin1')
  return lineAt === -1 || lineAt + 2 > end ? -1 : lineAt
}
