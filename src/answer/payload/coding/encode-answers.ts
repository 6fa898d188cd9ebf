import type { FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify'
import { finished, Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { addVary } from '../vary.ts'
import type { CodingChooser } from './accept-encoding.ts'
import { type Coding, leastHeadroom, levelFor } from './coding.ts'
import { eventStream, isCompressible, isRecords, mediaTypeOf } from './compressible.ts'
import { bodyEncoder, encodeBody, encodeBodyNow } from './encode-body.ts'
import { variantTag } from './entity-tag.ts'

/** How answers are compressed, with its defaults in place. */
export interface EncodeRules {
  /** Smaller bodies stay plain, in bytes. */
  readonly floor: number
  /** Server-sent events too. */
  readonly eventStreams: boolean
}

/** Told of each body that was compressed whole; sizes in bytes. */
export type OnEncoded = (coding: Coding, before: number, after: number) => void

export interface EncodeParts {
  readonly chooser: CodingChooser
  /** The share of CPU time that is free, 0 to 1; asked once for each body that is compressed. */
  readonly headroom: () => number
  readonly onEncoded: OnEncoded | undefined
}

/** Bodies up to this many bytes are compressed at once: handing them to a thread takes as long. */
const longestAtOnce = 4_096

/** Their values are of the bytes as they are: whoever signed them has chosen the coding. */
const fixing = ['content-digest', 'repr-digest', 'digest', 'content-md5', 'signature'] as const

/** Replies that this hook has worked on: their coding is ours to take back. */
const ours = new WeakMap<FastifyReply, { readonly etag: unknown; readonly contentLength: unknown }>()

/**
 * Fastify's onSend hook that compresses answers. It has to be the last of a route, but for HEAD's own: what keeps
 * or caches bodies before it has the plain ones.
 */
export function encodeAnswers (rules: EncodeRules, parts: EncodeParts): onSendHookHandler<unknown> {
  return function encode (request, reply, payload, done): void | Promise<unknown> {
    takeBack(reply)
    const found = plan(rules, parts, request, reply, payload)
    if (found === undefined) return done(null, payload)
    const { coding, level, mediaType } = found
    const stream = streamOf(payload)
    if (stream !== undefined) {
      label(reply, coding, undefined)
      return done(null, encodeStream(stream, coding, level, isRecords(mediaType)))
    }
    const body = payload as string | Buffer
    const bytes = sizeOf(body)
    const labelled = (encoded: Buffer): Buffer => {
      label(reply, coding, level)
      parts.onEncoded?.(coding, bytes, encoded.length)
      return encoded
    }
    if (bytes <= longestAtOnce) return done(null, labelled(encodeBodyNow(body, coding, level)))
    // Fastify takes a promise as well. Without memory for it there is still the plain body.
    return encodeBody(body, coding, level).then(labelled, () => payload)
  }
}

/**
 * The same for HEAD, whose body Fastify has counted and dropped: the head is that of the compressed answer. Its
 * length is not told, because nobody has made it.
 */
export function encodeHeads (rules: EncodeRules, parts: EncodeParts): onSendHookHandler<unknown> {
  return function encodeHead (request, reply, payload, done): void {
    if (payload === undefined || payload === null) {
      const length = reply.getHeader('content-length')
      const bytes = length === undefined ? Number.POSITIVE_INFINITY : Number(length)
      const found = plan(rules, parts, request, reply, bytes)
      if (found !== undefined) {
        label(reply, found.coding, Number.isFinite(bytes) ? found.level : undefined)
      }
    }
    done(null, payload)
  }
}

interface EncodePlan {
  readonly coding: Coding
  readonly level: number
  readonly mediaType: string
}

/** @param payload what is sent, or its size in bytes; infinite for a stream. @returns undefined to leave it as it is */
function plan (
  rules: EncodeRules,
  { chooser, headroom }: EncodeParts,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown
): EncodePlan | undefined {
  const bytes = sizeOf(payload)
  if (bytes === 0 || Number.isNaN(bytes) || !mayEncode(reply)) return undefined
  const mediaType = mediaTypeOf(reply.getHeader('content-type'))
  if (mediaType === eventStream ? !rules.eventStreams : !isCompressible(mediaType)) return undefined
  addVary(reply, 'accept-encoding')
  const { coding, plain } = chooser.choose(request.headers['accept-encoding'] as string | undefined)
  if (coding === undefined || (plain && bytes < rules.floor)) return undefined
  const free = headroom()
  if (plain && free < leastHeadroom) return undefined
  return { coding, level: levelFor(coding, free), mediaType }
}

/** Whether an answer may be changed: it is whole, not coded yet, and nobody has vouched for its bytes. */
function mayEncode (reply: FastifyReply): boolean {
  const { statusCode } = reply
  if (
    statusCode < 200 || statusCode === 204 || statusCode === 205 || statusCode === 206 || statusCode === 304
  )
    return false
  const coding = reply.getHeader('content-encoding')
  if (coding !== undefined || reply.hasHeader('content-range')) return false
  const cacheControl = reply.getHeader('cache-control')
  if (cacheControl !== undefined && /\bno-transform\b/i.test(String(cacheControl))) return false
  return !fixing.some((name) => reply.hasHeader(name))
}

/** NaN for what has no size and is no stream. */
function sizeOf (payload: unknown): number {
  if (typeof payload === 'number') return payload
  if (typeof payload === 'string') return Buffer.byteLength(payload)
  if (Buffer.isBuffer(payload)) return payload.length
  return isNodeStream(payload) || isWebStream(payload) ? Number.POSITIVE_INFINITY : Number.NaN
}

function label (reply: FastifyReply, coding: Coding, level: number | undefined): void {
  const etag = reply.getHeader('etag')
  ours.set(reply, { etag, contentLength: reply.getHeader('content-length') })
  reply.header('content-encoding', coding)
  reply.removeHeader('content-length')
  // Ranges are of the plain bytes, which this answer does not hold.
  reply.removeHeader('accept-ranges')
  if (typeof etag === 'string') reply.header('etag', variantTag(etag, coding, level))
}

/** A stream that failed before its first byte is answered anew, by an error document that is not coded yet. */
function takeBack (reply: FastifyReply): void {
  const before = ours.get(reply)
  if (before === undefined) return
  ours.delete(reply)
  reply.removeHeader('content-encoding')
  if (typeof before.etag === 'string') reply.removeHeader('etag')
}

function streamOf (payload: unknown): Readable | undefined {
  if (isNodeStream(payload)) return payload
  // From here on it can be read by nobody else.
  return isWebStream(payload) ? Readable.fromWeb(payload) : undefined
}

function isNodeStream (payload: unknown): payload is Readable {
  return typeof payload === 'object' && payload !== null && 'pipe' in payload &&
    typeof payload.pipe === 'function'
}

function isWebStream (payload: unknown): payload is ReadableStream {
  return typeof payload === 'object' && payload !== null && 'getReader' in payload &&
    typeof payload.getReader === 'function'
}

/** A client that leaves destroys the encoder, and that the source; a source that fails fails the encoder. */
function encodeStream (source: Readable, coding: Coding, level: number, flushing: boolean): Readable {
  const encoder = bodyEncoder(coding, level, flushing)
  finished(source, { writable: false }, (error) => {
    if (error !== undefined && error !== null) encoder.destroy(error)
  })
  encoder.once('close', () => {
    if (typeof source.destroy === 'function') source.destroy()
  })
  return source.pipe(encoder)
}
