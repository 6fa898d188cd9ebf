/** What a signature is checked against: the request as it came over the wire, before anything is decoded. */
export interface SignedRequest {
  readonly method: string
  /** The request target as it was sent, `:path` in HTTP/2: `/orders?page=2`. Never a decoded path. */
  readonly target: string
  /** As the client saw it: behind a proxy that ends TLS it is `https` (take it from a trusted header). */
  readonly scheme: 'http' | 'https'
  /** `Host`, or `:authority`. */
  readonly authority: string
  /** Names and values in turn, as `IncomingMessage.rawHeaders`. Pseudo-headers are passed over. */
  readonly rawHeaders: readonly string[]
  /** Whether there is a body; an empty one (`Content-Length: 0`) is none. */
  readonly hasBody: boolean
}

/** What {@link signedRequestOf} reads of a request: both of Node's kinds have it. */
export interface IncomingHead {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly rawHeaders: readonly string[]
  readonly httpVersionMajor: number
  /** HTTP/2 only. */
  readonly stream?: { readonly endAfterHeaders?: boolean }
}

/** A request of Node's HTTP/1.1 or HTTP/2 server. @param scheme see {@link SignedRequest.scheme} */
export function signedRequestOf (message: IncomingHead, scheme: 'http' | 'https'): SignedRequest {
  const { method = '', url = '', headers, rawHeaders } = message
  const authority = headers[':authority'] ?? headers['host']
  return {
    method,
    target: url,
    scheme,
    authority: typeof authority === 'string' ? authority : '',
    rawHeaders,
    hasBody: bodyFollows(message),
  }
}

/** HTTP/2 frames a body without a header: only the end of the stream says that there is none. */
function bodyFollows ({ headers, httpVersionMajor, stream }: IncomingHead): boolean {
  const length = headers['content-length']
  if (length !== undefined) return Number(length) !== 0
  return httpVersionMajor >= 2 ? stream?.endAfterHeaders !== true : headers['transfer-encoding'] !== undefined
}

/**
 * The lines of each field of a request, by lower-case name. It looks for a name when asked: a signature covers few
 * fields, and most requests carry none.
 */
export class FieldLines {
  readonly #rawHeaders: readonly string[]

  constructor (rawHeaders: readonly string[]) {
    this.#rawHeaders = rawHeaders
  }

  /** Its lines, white space around each removed; undefined when the request has no such field. */
  lines (name: string): readonly string[] | undefined {
    let lines: string[] | undefined
    for (let at = 0; at + 1 < this.#rawHeaders.length; at += 2) {
      const sent = this.#rawHeaders[at]!
      if (sent.length !== name.length || sent.toLowerCase() !== name) continue
      const value = trimField(this.#rawHeaders[at + 1]!)
      if (lines === undefined) lines = [value]
      else lines.push(value)
    }
    return lines
  }

  /** Its lines as one value. @see https://www.rfc-editor.org/rfc/rfc9421#section-2.1 */
  value (name: string): string | undefined {
    const lines = this.lines(name)
    if (lines === undefined || lines.length === 1) return lines?.[0]
    // RFC 9113, 8.2.3: crumbs of a cookie are one cookie again outside HTTP/2.
    return lines.join(name === 'cookie' ? '; ' : ', ')
  }
}

/** A folded line is one line again, with one space (RFC 9421, 2.1). */
function trimField (value: string): string {
  return value.replace(/[ \t]*\r?\n[ \t]+/g, ' ').replace(/^[ \t]+|[ \t]+$/g, '')
}

/** Whether there is anything to verify, for a fast path: most requests carry no signature. */
export function carriesSignature (headers: Readonly<Record<string, unknown>>): boolean {
  return headers['signature-input'] !== undefined || headers['signature'] !== undefined
}
