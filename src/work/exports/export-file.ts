import { Readable } from 'node:stream'
import { exportTypes } from '../../data/index.ts'
import type { ExportDefinition } from './define-export.ts'
import type { ExportRow, PartFile } from './ledger.ts'
import { decodeParts, type ExportCoding } from './parts/index.ts'
import { type ByteRange, type FileStore, StoreUnavailableError } from './store/index.ts'

/** The file of an export that is done. */
export interface ExportFile {
  /** As it should be called where it is saved. */
  readonly name: string
  /** The media type of what is in it. */
  readonly type: string
  readonly coding: ExportCoding
  /** As it is kept. */
  readonly bytes: number
  /** Names these very bytes. */
  readonly etag: string
  /** Milliseconds until it expires. */
  readonly leftMs: number
  /**
   * The bytes as they are kept, or some of them. The stream errs rather than end before its last byte: over HTTP
   * the answer breaks off, so that its client can tell.
   */
  read(range?: ByteRange, signal?: AbortSignal): Readable
  /** What is in the file, without compression. */
  readPlain(signal?: AbortSignal): Readable
  /**
   * An address from which anybody can fetch the file for a while; undefined where the store has none, or it is
   * several.
   */
  link(forMs: number): Promise<string | undefined>
}

export function exportFile (
  row: ExportRow,
  files: readonly PartFile[],
  definition: ExportDefinition | undefined,
  store: FileStore
): ExportFile {
  const type = exportTypes[row.format]
  const name = fileNameOf(row, definition)
  const leftMs = Math.max(0, (row.expiresAtMs ?? 0) - row.nowMs)
  return {
    name,
    type,
    coding: row.coding,
    bytes: row.bytes,
    etag: `"${row.id}"`,
    leftMs,
    read: (range = {}, signal) => leavable((left) => bytesOf(files, store, range, left), signal),
    readPlain: (signal) => leavable((left) => decodeParts(streamsOf(files, store, left), row.coding), signal),
    async link (forMs) {
      const [only, ...others] = files
      if (only === undefined || others.length > 0) return undefined
      return store.link?.(only.file, {
        forMs: Math.min(forMs, leftMs),
        type,
        disposition: dispositionOf(name),
        ...(row.coding === 'identity' ? {} : { encoding: row.coding }),
      })
    },
  }
}

/** The value of `Content-Disposition`. @see https://www.rfc-editor.org/rfc/rfc6266 */
export function dispositionOf (name: string): string {
  const plain = name.replaceAll(/[^\w.\- ]/g, '_')
  if (plain === name) return `attachment; filename="${plain}"`
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}

function fileNameOf (row: ExportRow, definition: ExportDefinition | undefined): string {
  const chosen = definition?.fileName(JSON.parse(row.input))
  const day = new Date(row.createdAtMs).toISOString().slice(0, 10)
  // No path, no control character: what is left is for the client to judge.
  const base = (chosen ?? '').replaceAll(/[\p{Cc}\p{Cf}\p{Cs}/\\:"<>|?*]/gu, '_').slice(0, 120)
  return `${base === '' || base.startsWith('.') ? `${row.name}-${day}` : base}.${row.format}`
}

/**
 * A stream of what a generator gives, which lets go of the store as soon as nobody reads any more. A generator alone
 * would wait for the bytes that it has asked for, and a store may be silent.
 */
function leavable (
  piecesOf: (signal: AbortSignal) => AsyncIterable<Buffer>,
  signal: AbortSignal | undefined
): Readable {
  const left = new AbortController()
  const pieces = piecesOf(signal === undefined ? left.signal : AbortSignal.any([left.signal, signal]))
  const stream = Readable.from(pieces, { objectMode: false })
  const destroy = stream._destroy
  stream._destroy = (error, callback) => {
    left.abort(error ?? undefined)
    destroy.call(stream, error, callback)
  }
  return stream
}

async function* bytesOf (
  files: readonly PartFile[],
  store: FileStore,
  { start = 0, end = Number.MAX_SAFE_INTEGER }: ByteRange,
  signal: AbortSignal | undefined
): AsyncGenerator<Buffer> {
  let before = 0
  for (const { file, bytes } of files) {
    const from = Math.max(0, start - before)
    const to = Math.min(bytes - 1, end - before)
    before += bytes
    if (from > to) continue
    yield* whole(await store.read(file, { start: from, end: to, signal }), to - from + 1)
  }
}

async function* streamsOf (
  files: readonly PartFile[],
  store: FileStore,
  signal: AbortSignal | undefined
): AsyncGenerator<Readable> {
  for (const { file, bytes } of files) {
    yield Readable.from(whole(await store.read(file, { signal }), bytes), { objectMode: false })
  }
}

/** Refuses a file that ends before it should, or does not. */
async function* whole (stream: Readable, bytes: number): AsyncGenerator<Buffer> {
  let read = 0
  for await (const piece of stream) {
    read += (piece as Buffer).length
    yield piece as Buffer
  }
  if (read !== bytes)
    throw new StoreUnavailableError('read a part of an export', `it has ${read} bytes instead of ${bytes}`)
}
