import { Packr } from 'msgpackr'
import { Problem } from '../../../kernel/index.ts'
import { payloadProblems } from '../problems.ts'
import { scanMessagePack } from './scan-message-pack.ts'

/** Plain MessagePack that any other library reads: no records, no shared structures. */
const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  mapsAsObjects: true,
  // Integers that a number holds exactly come as numbers, all others as bigint. The library's types leave it out.
  int64AsType: 'auto' as 'number',
})

/** Arrays and maps inside each other that a body may have. */
const maxDepth = 64

/** Of the data model of JSON, and bigint up to 64 bits. @throws RangeError for a larger one */
export function packMessage (value: unknown): Buffer {
  return packr.pack(value)
}

/**
 * Reads a body of the data model of JSON.
 *
 * @returns objects, arrays, text, numbers, booleans and null; an integer that a number cannot hold is a bigint
 * @throws Problem `MALFORMED_MESSAGE_PACK`
 */
export function unpackMessage (bytes: Buffer): unknown {
  const fault = scanMessagePack(bytes, { maxDepth })
  if (fault !== undefined) {
    throw new Problem(payloadProblems.MALFORMED_MESSAGE_PACK, { detail: `The body ${fault}.` })
  }
  try {
    return packr.unpack(bytes)
  } catch (cause) {
    const detail = 'The body cannot be read.'
    throw new Problem(payloadProblems.MALFORMED_MESSAGE_PACK, { detail, cause })
  }
}

const manyDigits = /\d{16}/

interface ReviverContext {
  readonly source?: string
}

/**
 * Reads JSON without losing digits: an integer that a number cannot hold becomes a bigint, when 64 bits hold it.
 *
 * @throws SyntaxError
 */
export function readJsonExactly (text: string): unknown {
  return manyDigits.test(text) ? JSON.parse(text, exactly) : JSON.parse(text)
}

function exactly (_key: string, value: unknown, context?: ReviverContext): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const { source } = context ?? {}
  if (source === undefined || !/^-?\d+$/.test(source)) return value
  const whole = BigInt(source)
  return BigInt.asIntN(64, whole) === whole || BigInt.asUintN(64, whole) === whole ? whole : value
}
