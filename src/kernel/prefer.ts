import type { Deadline } from './deadline.ts'

/** What a client would like, as far as the header `Prefer` says so. */
export interface Preferences {
  /** It would rather have the address of the answer than wait for it. */
  readonly respondAsync: boolean
  /** How long it waits before that, in milliseconds. */
  readonly waitMs: number | undefined
  /** Whether it wants what it changed, or only to hear that it did. */
  readonly return: 'minimal' | 'representation' | undefined
}

const none: Preferences = { respondAsync: false, waitMs: undefined, return: undefined }

/** A name, and perhaps a value as a word or in quotes; parameters after a semicolon are not looked at. */
const preference = /^\s*([!#$%&'*+.^`|~\w-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";,]*)))?/

/**
 * Reads `Prefer`. What cannot be read, is not known or comes a second time is left out, as preferences may be.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7240
 */
export function readPrefer (header: string | undefined): Preferences {
  if (header === undefined || header === '') return none
  const found = new Map<string, string>()
  for (const item of splitList(header)) {
    const [, name, quoted, word] = preference.exec(item) ?? []
    const key = name?.toLowerCase()
    if (key !== undefined && !found.has(key)) found.set(key, quoted ?? word ?? '')
  }
  const wait = found.get('wait') ?? ''
  const wanted = found.get('return')
  return {
    respondAsync: found.has('respond-async'),
    waitMs: /^\d{1,7}$/.test(wait) ? Number(wait) * 1_000 : undefined,
    return: wanted === 'minimal' || wanted === 'representation' ? wanted : undefined,
  }
}

/** What an answer that was held back still takes, in milliseconds. */
const answerMs = 100

/**
 * How long an answer may be held back for news: as long as its client would wait, by its `Prefer: wait`, but less than
 * its deadline leaves.
 *
 * @param mostMs the longest, whatever the client would wait, in milliseconds
 * @returns milliseconds; 0 for a client that does not wait
 */
export function waitMsFor (
  header: string | undefined,
  deadline: Deadline | undefined,
  mostMs: number
): number {
  const { waitMs = 0 } = readPrefer(header)
  const leftMs = deadline === undefined ? mostMs : Math.max(0, deadline.remainingMs() - answerMs)
  return Math.min(waitMs, mostMs, leftMs)
}

/** Splits at commas that are not in quotes. */
function splitList (header: string): readonly string[] {
  const items: string[] = []
  let start = 0
  let quoted = false
  for (let at = 0; at < header.length; at++) {
    const sign = header[at]
    if (sign === '"') quoted = !quoted
    else if (sign === '\\' && quoted) at++
    else if (sign === ',' && !quoted) {
      items.push(header.slice(start, at))
      start = at + 1
    }
  }
  items.push(header.slice(start))
  return items
}
