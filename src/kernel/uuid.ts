import { randomFillSync } from 'node:crypto'
import { type Clock, systemClock } from './clock.ts'

/** The last id of a clock, so that the next one is greater even within a millisecond. */
interface Last {
  ms: number
  sequence: number
}

const lasts = new WeakMap<Clock, Last>()

/** Bits of the counter between two steps of the clock; it starts in the lower half, so that it has room. */
const sequenceBits = 12
const sequenceEnd = 1 << sequenceBits

/** Asking the system for 4 KiB at once costs a twentieth of asking for each id. */
const pool = Buffer.alloc(4_096)
let used = pool.length
const id = Buffer.alloc(16)

/**
 * A UUID of version 7: ids of one process sort by the order in which they were made, those of several by time. It
 * cannot be guessed: 62 of its bits come from the system's secure source.
 *
 * A clock that steps back makes no smaller ids: they stay at the latest time until it is passed again.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.7 and section 6.2, method 1
 */
export function uuidv7 (clock: Clock = systemClock): string {
  const last = lasts.get(clock)
  const { ms, sequence } = advance(last, Math.floor(clock.epochMs()))
  if (last === undefined) lasts.set(clock, { ms, sequence })
  else {
    last.ms = ms
    last.sequence = sequence
  }
  takeRandom(8)
  id.writeUIntBE(ms, 0, 6)
  id.writeUInt16BE(0x7000 | sequence, 6)
  id[8] = 0x80 | (id[8]! & 0x3f)
  const hex = id.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const shape = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

/** The UUID that a text is, of any version, in lower case; `undefined` for any other text. */
export function uuidOf (text: string): string | undefined {
  return shape.test(text) ? text.toLowerCase() : undefined
}

/** When an id of version 7 was made, in milliseconds since the Unix epoch. */
export function uuidTimeMs (uuid: string): number {
  return Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16)
}

function advance (last: Last | undefined, nowMs: number): Last {
  if (last === undefined || nowMs > last.ms) return { ms: nowMs, sequence: randomStart() }
  if (last.sequence + 1 < sequenceEnd) return { ms: last.ms, sequence: last.sequence + 1 }
  return { ms: last.ms + 1, sequence: randomStart() }
}

function randomStart (): number {
  takeRandom(8)
  return id.readUInt16BE(8) & (sequenceEnd / 2 - 1)
}

/** Into the second half of the id. */
function takeRandom (bytes: number): void {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  pool.copy(id, 8, used, used + bytes)
  used += bytes
}
