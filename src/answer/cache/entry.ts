import { isAscii } from 'node:buffer'
import type { CacheStatus } from './cache-status.ts'
import type { Encoder } from './encoder.ts'
import { tagOfEncoding } from './entity-tag.ts'
import type { CacheResult, Miss } from './found.ts'
import { readHttpDate } from './http-date.ts'
import { MemoryNode } from './memory.ts'
import { PreparedAnswer } from './prepared-answer.ts'
import type { Purges } from './shared-cache.ts'
import { type StoredAnswer, usefulMs } from './stored-answer.ts'

/** What the entries of one route have in common. */
export interface EntryWays {
  readonly status: CacheStatus
  /** In which answers can be encoded; empty for none. */
  readonly encodings: readonly string[]
  readonly chooseEncoding: (header: string) => string
  readonly encoder: Encoder | undefined
  /** An encoded form has been added. */
  readonly grown: (entry: Entry, bytes: number) => void
  /** An encoded form could not be made; it is not tried again. */
  readonly failed: (error: unknown) => void
}

/** Which part of an answer goes out. */
export type Form = 'whole' | 'head' | 'not-modified'

/**
 * A body of up to so many bytes is kept as text, where it is ASCII: Node sends it in one piece with the
 * headers.
 */
const longestText = 16_384
/** An entry beside its texts and body, as measured. */
const baseBytes = 2_150

/** Headers that a 304 goes without: they are of the body, which the client has. @see RFC 9110, 15.4.5 */
const ofBody = /^content-(?!location$|security-policy)|^last-modified$|^link$/

/**
 * One kept answer, ready to be sent, plain and encoded. Times in milliseconds on the clock of the process.
 */
export class Entry extends MemoryNode {
  readonly stored: Omit<StoredAnswer, 'body' | 'sequence'>
  readonly plain: Representation
  readonly lastModified: string | undefined
  readonly lastModifiedMs: number | undefined
  readonly ways: EntryWays
  /** Whether there are other forms than the plain one. */
  readonly isEncodable: boolean
  madeMs = 0
  freshUntilMs = 0
  staleUntilMs = 0
  errorUntilMs = 0
  keepUntilMs = 0
  sequence: number
  /** The last purge that is known to leave this entry alone. */
  #checkedSequence: number
  readonly #encoded: Map<string, Representation> = new Map()

  /** @param ageMs how old it is at `nowMs` */
  constructor (answer: StoredAnswer, ways: EntryWays, nowMs: number, ageMs: number) {
    const { body, sequence, ...stored } = answer
    super(stored.key, bytesOf(stored) + body.length)
    this.stored = stored
    this.ways = ways
    this.lastModified = headerOf(stored.headers, 'last-modified')
    this.lastModifiedMs = readHttpDate(this.lastModified)
    this.isEncodable = ways.encodings.length > 0 && stored.status === 200 &&
      ways.encoder?.worthwhile(headerOf(stored.headers, 'content-type'), body.length) === true
    this.plain = new Representation(this, undefined, stored.etag, body)
    this.sequence = sequence
    this.#checkedSequence = sequence
    this.#count(nowMs - Math.max(0, ageMs))
  }

  /** It has been found to be current at `nowMs`. */
  renew (nowMs: number, sequence: number): void {
    this.sequence = this.#checkedSequence = sequence
    this.#count(nowMs)
  }

  #count (madeMs: number): void {
    const { freshMs, staleWhileRevalidateMs, staleIfErrorMs } = this.stored
    this.madeMs = madeMs
    this.freshUntilMs = madeMs + freshMs
    this.staleUntilMs = this.freshUntilMs + staleWhileRevalidateMs
    this.errorUntilMs = this.freshUntilMs + staleIfErrorMs
    this.keepUntilMs = madeMs + usefulMs(this.stored)
  }

  /** Whether no purge has come between; asks at most once a purge. A soft one makes it stale from now on. */
  isCurrent (purges: Purges, nowMs: number): boolean {
    const { sequence } = purges
    if (sequence === this.#checkedSequence) return true
    let isStale = false
    for (const tag of this.stored.tags) {
      if (this.sequence < purges.goneSince(tag)) {
        this.keepUntilMs = Number.NEGATIVE_INFINITY
        return false
      }
      if (this.sequence < purges.staleSince(tag)) isStale = true
    }
    if (!isStale) {
      this.#checkedSequence = sequence
      return true
    }
    this.freshUntilMs = Math.min(this.freshUntilMs, nowMs)
    const { staleWhileRevalidateMs, staleIfErrorMs } = this.stored
    this.staleUntilMs = Math.min(this.staleUntilMs, nowMs + staleWhileRevalidateMs)
    this.errorUntilMs = Math.min(this.errorUntilMs, nowMs + staleIfErrorMs)
    return false
  }

  /** In one of the encodings; it may not be there yet, and is then being made. */
  encoded (encoding: string): Representation {
    let form = this.#encoded.get(encoding)
    if (form === undefined) {
      const { etag } = this.stored
      form = new Representation(
        this,
        encoding,
        etag === undefined ? undefined : tagOfEncoding(etag, encoding)
      )
      this.#encoded.set(encoding, form)
    }
    if (form.body === undefined) form.make()
    return form
  }

  /** What is kept, as bytes for others. */
  toStored (nowMs: number, epochMs: number): StoredAnswer {
    const { stored, sequence, plain } = this
    return { ...stored, sequence, body: plain.bytes(), madeEpochMs: epochMs - (nowMs - this.madeMs) }
  }
}

/** At most so many are encoded at once; who comes then gets the plain form. */
const mostEncodings = 4
let encodingsUnderWay = 0

/** An answer in one encoding, with its own tag. */
export class Representation {
  readonly etag: string | undefined
  /** Undefined as long as it has not been made. */
  body: string | Buffer | undefined
  readonly #entry: Entry
  readonly #encoding: string | undefined
  #isTried = false
  #whole: PreparedAnswer | undefined
  #head: PreparedAnswer | undefined
  #notModified: PreparedAnswer | undefined

  constructor (entry: Entry, encoding: string | undefined, etag: string | undefined, body?: Buffer) {
    this.#entry = entry
    this.#encoding = encoding
    this.etag = etag
    this.body = body === undefined ? undefined : compact(body)
    this.#whole = undefined
    this.#head = undefined
    this.#notModified = undefined
  }

  /** From a fresh entry: the same object each time. */
  hit (form: Form): PreparedAnswer {
    switch (form) {
      case 'whole':
        return this.#whole ??= this.prepare(form, 'hit', this.#entry.ways.status.hit)
      case 'head':
        return this.#head ??= this.prepare(form, 'hit', this.#entry.ways.status.hit)
      case 'not-modified':
        return this.#notModified ??= this.prepare(form, 'hit', this.#entry.ways.status.hit)
    }
  }

  prepare (
    form: Form,
    result: CacheResult,
    statusHead: string,
    refresh?: () => Promise<Miss | undefined>
  ): PreparedAnswer {
    const { status } = this.#entry.stored
    const isWhole = form === 'whole'
    return new PreparedAnswer(
      result,
      form === 'not-modified' ? 304 : status,
      this.headers(form),
      isWhole ? this.body : undefined,
      statusHead,
      refresh
    )
  }

  /** Names and values in turn. */
  headers (form: Form): string[] {
    const { headers, status } = this.#entry.stored
    const given = form === 'not-modified' ? without(headers, ofBody) : [...headers]
    if (this.etag !== undefined) given.push('etag', this.etag)
    if (form === 'not-modified') return given
    if (this.#encoding !== undefined) given.push('content-encoding', this.#encoding)
    if (status !== 204) given.push('content-length', String(this.body?.length ?? 0))
    return given
  }

  bytes (): Buffer {
    return typeof this.body === 'string' ? Buffer.from(this.body, 'latin1') : this.body ?? Buffer.alloc(0)
  }

  /** Makes the encoded body beside the loop, once. */
  make (): void {
    if (this.#isTried || encodingsUnderWay >= mostEncodings) return
    this.#isTried = true
    encodingsUnderWay++
    void this.#encode().finally(() => encodingsUnderWay--)
  }

  async #encode (): Promise<void> {
    const { plain, ways } = this.#entry
    try {
      const made = await ways.encoder?.encode(plain.bytes(), this.#encoding ?? '')
      // What does not get smaller is sent as it is.
      if (made === undefined || made.length >= plain.bytes().length) return
      this.body = compact(Buffer.from(made.buffer, made.byteOffset, made.length))
      ways.grown(this.#entry, made.length + 400)
    } catch (error) {
      ways.failed(error)
    }
  }
}

/**
 * As text where it can be; else in memory of its own, because a part of a larger piece would keep all of
 * that.
 */
function compact (bytes: Buffer): string | Buffer {
  if (bytes.length <= longestText && isAscii(bytes)) return bytes.toString('latin1')
  if (bytes.buffer.byteLength === bytes.length) return bytes
  const own = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(own)
  return own
}

function bytesOf ({ key, headers, tags }: Omit<StoredAnswer, 'body' | 'sequence'>): number {
  let bytes = baseBytes + 2 * key.length
  for (const text of headers) bytes += text.length + 40
  for (const tag of tags) bytes += tag.length + 24
  return bytes
}

export function headerOf (headers: readonly string[], wanted: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === wanted) return headers[at + 1]
  return undefined
}

function without (headers: readonly string[], names: RegExp): string[] {
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    if (!names.test(name)) kept.push(name, headers[at + 1] ?? '')
  }
  return kept
}
