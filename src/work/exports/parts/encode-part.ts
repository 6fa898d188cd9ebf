import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  constants,
  createDeflateRaw,
  createGunzip,
  createZstdCompress,
  createZstdDecompress,
} from 'node:zlib'

/** How the bytes of an export are kept, named as in `Content-Encoding`. */
export type ExportCoding = 'gzip' | 'zstd' | 'identity'

export const exportCodings: readonly ExportCoding[] = ['gzip', 'zstd', 'identity']

/** What the end of a gzip file says of all that is in it. */
export interface RawTotals {
  readonly crc: number
  readonly rawBytes: number
}

export interface PartPlace {
  readonly isFirst: boolean
  /** Asked once the part has been read: the totals of all parts, for the last one. */
  readonly totals: () => RawTotals | undefined
}

/**
 * No name, no time, no system: the same rows make the same bytes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1952#section-2.3
 */
const gzipHead = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])

/** An empty block that says it is the last. @see https://www.rfc-editor.org/rfc/rfc1951#section-3.2.3 */
const lastBlock = Buffer.from([3, 0])

/**
 * Compresses one part so that all parts, one after another, are one file.
 *
 * As gzip they are one member: of several, browsers read the first and take it for all there is, and curl fails.
 * So each part but the last ends with a flush, at a whole byte, and the last brings the
 * checksum of all, which is carried along from part to part. As zstd each part is a frame, and a file of several is
 * a file (RFC 8878, section 3).
 */
export async function* encodePart (
  raw: AsyncIterable<Buffer>,
  coding: ExportCoding,
  { isFirst, totals }: PartPlace
): AsyncGenerator<Buffer> {
  if (coding === 'identity') {
    yield* raw
    return
  }
  if (coding === 'zstd') {
    const frame = yield* through(raw, () => createZstdCompress())
    if (!frame && isFirst) yield* through(once(), () => createZstdCompress())
    return
  }
  if (isFirst) yield gzipHead
  yield* through(raw, () => createDeflateRaw({ finishFlush: constants.Z_SYNC_FLUSH }))
  const all = totals()
  if (all !== undefined) yield Buffer.concat([lastBlock, gzipTail(all)])
}

/**
 * The plain bytes of a whole file.
 *
 * @param parts each part's bytes
 */
export async function* decodeParts (
  parts: AsyncIterable<Readable>,
  coding: ExportCoding
): AsyncGenerator<Buffer> {
  if (coding === 'gzip') {
    yield* through(joined(parts), () => createGunzip())
    return
  }
  for await (const part of parts) {
    if (coding === 'identity') yield* part
    else yield* through(part, () => createZstdDecompress())
  }
}

/** @returns whether there was anything to work on; without it no transform is made */
async function* through (
  source: AsyncIterable<Buffer>,
  make: () => Transform
): AsyncGenerator<Buffer, boolean> {
  const pieces = source[Symbol.asyncIterator]()
  const first = await pieces.next()
  if (first.done === true) return false
  const transform = make()
  const fed = pipeline(Readable.from(following(first.value, pieces), { objectMode: false }), transform)
  // A failure is thrown where the transform is read.
  fed.catch(() => {})
  for await (const piece of transform) yield piece as Buffer
  await fed
  return true
}

async function* following (first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

async function* once (): AsyncGenerator<Buffer> {
  yield Buffer.alloc(0)
}

async function* joined (parts: AsyncIterable<Readable>): AsyncGenerator<Buffer> {
  for await (const part of parts) yield* part
}

function gzipTail ({ crc, rawBytes }: RawTotals): Buffer {
  const tail = Buffer.alloc(8)
  tail.writeUInt32LE(crc, 0)
  tail.writeUInt32LE(rawBytes % 2 ** 32, 4)
  return tail
}
