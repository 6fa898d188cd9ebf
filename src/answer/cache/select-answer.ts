import { type ByteRange, readRange } from './byte-range.ts'
import type { CacheRequest } from './cache-request.ts'
import { isStrong, namesTag } from './entity-tag.ts'
import type { Entry, Form, Representation } from './entry.ts'
import type { CacheResult, Miss } from './found.ts'
import { readHttpDate } from './http-date.ts'
import { PreparedAnswer } from './prepared-answer.ts'
import { textOf } from './storing.ts'

type Request = Pick<CacheRequest, 'method' | 'headers'>

/** How an entry is given out when it is not a plain hit. */
export interface Manner {
  readonly result: CacheResult
  /** `Cache-Status` up to the time to live. */
  readonly statusHead: string
  readonly refresh?: (() => Promise<Miss | undefined>) | undefined
}

/**
 * What of an entry answers a request: the form in its encoding, a 304, one part of it, or its headers.
 *
 * @param manner undefined for a plain hit, which then is not made anew each time
 */
export function selectAnswer (
  entry: Entry,
  request: Request,
  nowMs: number,
  manner?: Manner
): PreparedAnswer {
  const { headers } = request
  const { plain, ways } = entry
  const range = headers['range']
  let chosen = plain
  if (entry.isEncodable && range === undefined) {
    const accept = headers['accept-encoding']
    const encoding = typeof accept === 'string' ? ways.chooseEncoding(accept) : 'identity'
    if (encoding !== 'identity') chosen = entry.encoded(encoding)
  }
  let form: Form = request.method === 'HEAD' ? 'head' : 'whole'
  const known = knownForm(entry, chosen, headers)
  if (known !== undefined) {
    chosen = known
    form = 'not-modified'
  } else if (chosen.body === undefined) chosen = plain
  const age = Math.max(0, Math.trunc((nowMs - entry.madeMs) / 1_000))
  const ttl = Math.trunc((entry.freshUntilMs - entry.madeMs) / 1_000) - age
  const part = range === undefined || form !== 'whole' ?
    undefined :
    partOf(entry, textOf(range) ?? '', headers, manner)
  if (part !== undefined) return part.at(age, ttl)
  if (manner === undefined) return chosen.hit(form).at(age, ttl)
  return chosen.prepare(form, manner.result, manner.statusHead, manner.refresh).at(age, ttl)
}

/** The form that the client has, if it has one: either of those that it could be given. */
function knownForm (
  entry: Entry,
  chosen: Representation,
  headers: Request['headers']
): Representation | undefined {
  if (entry.stored.status !== 200) return undefined
  const tags = headers['if-none-match']
  if (tags !== undefined) {
    const text = textOf(tags) ?? ''
    for (const form of chosen === entry.plain ? [chosen] : [chosen, entry.plain]) {
      if (form.etag !== undefined && namesTag(text, form.etag)) return form
    }
    return undefined
  }
  const since = headers['if-modified-since']
  if (since === undefined || entry.lastModifiedMs === undefined) return undefined
  const sinceMs = readHttpDate(textOf(since))
  return sinceMs !== undefined && entry.lastModifiedMs <= sinceMs ? chosen : undefined
}

/** One part of the plain form; undefined when the whole is to be sent. */
function partOf (
  entry: Entry,
  range: string,
  headers: Request['headers'],
  manner: Manner | undefined
): PreparedAnswer | undefined {
  const { plain, stored, ways } = entry
  const whole = plain.body
  if (stored.status !== 200 || whole === undefined) return undefined
  const condition = textOf(headers['if-range'])
  if (condition !== undefined && !holds(condition, plain.etag, entry.lastModified)) return undefined
  const part = readRange(range, whole.length)
  if (part === 'ignore') return undefined
  const { result, statusHead, refresh } = manner ?? { result: 'hit', statusHead: ways.status.hit }
  const [status, given, body] = part === 'unsatisfiable' ?
    [416, ['content-range', `bytes */${whole.length}`, 'content-length', '0'], undefined] as const :
    [206, partHeaders(plain, part, whole.length), cut(whole, part)] as const
  return new PreparedAnswer(result, status, given, body, statusHead, refresh)
}

function partHeaders (plain: Representation, { first, last }: ByteRange, length: number): string[] {
  const given = plain.headers('whole')
  // The length is the last of them.
  given[given.length - 1] = String(last - first + 1)
  given.push('content-range', `bytes ${first}-${last}/${length}`)
  return given
}

function cut (whole: string | Buffer, { first, last }: ByteRange): string | Buffer {
  return typeof whole === 'string' ? whole.slice(first, last + 1) : whole.subarray(first, last + 1)
}

/** Whether what the client has a part of is still the same, by strong comparison. @see RFC 9110, 13.1.5 */
function holds (condition: string, etag: string | undefined, lastModified: string | undefined): boolean {
  if (condition.startsWith('"')) return etag !== undefined && isStrong(etag) && etag === condition
  return lastModified !== undefined && condition === lastModified
}
