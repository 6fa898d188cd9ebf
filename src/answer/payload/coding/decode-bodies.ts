import type { preParsingHookHandler, RequestPayload } from 'fastify'
import { finished, Transform, type TransformCallback } from 'node:stream'
import { createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib'
import { Problem } from '../../../kernel/index.ts'
import { payloadProblems } from '../problems.ts'
import { type Coding, codings, isCoding } from './coding.ts'

export interface DecodeRules {
  /** Of a decompressed body, in bytes: Fastify's `bodyLimit` of the route. */
  readonly limit: number
}

/**
 * Fastify's preParsing hook that decompresses bodies. What checks the bytes that were sent has to come before it.
 * A body that grows past the limit is given up there, so that one of a few kilobytes cannot cost gigabytes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.5.16 a 415 names what would have been read
 */
export function decodeBodies ({ limit }: DecodeRules): preParsingHookHandler {
  return function decode (request, reply, payload, done): void {
    const header = request.headers['content-encoding']
    if (header === undefined) return done(null, payload)
    const name = nameOf(header)
    if (name === 'identity') return done(null, payload)
    if (!isCoding(name)) {
      reply.header('accept-encoding', codings.join(', '))
      const detail = `Content-Encoding must be one of ${codings.join(', ')}.`
      return done(new Problem(payloadProblems.UNSUPPORTED_CODING, { detail }))
    }
    done(null, decoded(payload, name, limit))
  }
}

function nameOf (header: string): string {
  const name = header.trim().toLowerCase()
  // @see https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.3
  return name === 'x-gzip' ? 'gzip' : name
}

/** The decompressed bytes, at most so many. */
class BoundedBody extends Transform {
  /** Bytes that came in compressed: Fastify compares them with Content-Length. */
  receivedEncodedLength = 0
  readonly #limit: number
  readonly #read: () => number
  #bytes = 0

  constructor (limit: number, read: () => number) {
    super()
    this.#limit = limit
    this.#read = read
  }

  override _transform (chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#limit) {
      const detail = `The decompressed body may have ${this.#limit} bytes.`
      return done(new Problem(payloadProblems.DECODED_BODY_TOO_LARGE, { detail }))
    }
    done(null, chunk)
  }

  override _flush (done: TransformCallback): void {
    this.receivedEncodedLength = this.#read()
    done()
  }
}

function decoded (payload: RequestPayload, coding: Coding, limit: number): RequestPayload {
  const decoder = decoderOf(coding)
  const body = new BoundedBody(limit, () => decoder.bytesWritten)
  finished(payload, { writable: false }, (error) => {
    if (error !== undefined && error !== null) body.destroy(error)
  })
  decoder.once('error', (cause) => {
    const detail = `The body is not valid ${coding}.`
    body.destroy(new Problem(payloadProblems.MALFORMED_CODING, { detail, cause }))
  })
  body.once('close', () => {
    payload.unpipe(decoder)
    decoder.destroy()
  })
  // Nobody may ever read it: a request whose media type has no parser is answered without its body.
  body.on('error', () => {})
  payload.pipe(decoder).pipe(body)
  return body
}

function decoderOf (coding: Coding): ReturnType<typeof createGunzip> {
  switch (coding) {
    case 'gzip':
      return createGunzip()
    case 'br':
      return createBrotliDecompress()
    case 'zstd':
      return createZstdDecompress()
  }
}
