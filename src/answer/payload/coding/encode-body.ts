import type { Transform } from 'node:stream'
import { promisify } from 'node:util'
import {
  brotliCompress,
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  gzip,
  gzipSync,
  zstdCompress,
  zstdCompressSync,
} from 'node:zlib'
import type { Coding } from './coding.ts'

const {
  BROTLI_OPERATION_FLUSH,
  BROTLI_OPERATION_PROCESS,
  BROTLI_PARAM_QUALITY,
  BROTLI_PARAM_SIZE_HINT,
  ZSTD_c_compressionLevel,
  ZSTD_e_continue,
  ZSTD_e_flush,
  Z_NO_FLUSH,
  Z_SYNC_FLUSH,
} = constants

const later = {
  gzip: promisify(gzip),
  br: promisify(brotliCompress),
  zstd: promisify(zstdCompress),
}

/**
 * Compresses a whole body, in a thread beside the event loop.
 *
 * @param level the coding's own: gzip 1 to 9, Brotli 0 to 11, zstd 1 to 22
 */
export async function encodeBody (body: Uint8Array | string, coding: Coding, level: number): Promise<Buffer> {
  switch (coding) {
    case 'gzip':
      return later.gzip(body, { level })
    case 'br':
      return later.br(body, { params: brotliParams(level, body.length) })
    case 'zstd':
      return later.zstd(body, { params: { [ZSTD_c_compressionLevel]: level } })
  }
}

/** As {@link encodeBody}, here and now: for a body so small that handing it to a thread costs more. */
export function encodeBodyNow (body: Uint8Array | string, coding: Coding, level: number): Buffer {
  switch (coding) {
    case 'gzip':
      return gzipSync(body, { level })
    case 'br':
      return brotliCompressSync(body, { params: brotliParams(level, body.length) })
    case 'zstd':
      return zstdCompressSync(body, { params: { [ZSTD_c_compressionLevel]: level } })
  }
}

/**
 * Compresses a body that is not there yet.
 *
 * @param flushing sends on what each chunk became at once, for a reader that waits for records; it costs size
 */
export function bodyEncoder (coding: Coding, level: number, flushing: boolean): Transform {
  switch (coding) {
    case 'gzip':
      return createGzip({ level, flush: flushing ? Z_SYNC_FLUSH : Z_NO_FLUSH })
    case 'br':
      return createBrotliCompress({
        flush: flushing ? BROTLI_OPERATION_FLUSH : BROTLI_OPERATION_PROCESS,
        params: { [BROTLI_PARAM_QUALITY]: level },
      })
    case 'zstd':
      return createZstdCompress({
        flush: flushing ? ZSTD_e_flush : ZSTD_e_continue,
        params: { [ZSTD_c_compressionLevel]: level },
      })
  }
}

function brotliParams (level: number, size: number): Record<number, number> {
  return { [BROTLI_PARAM_QUALITY]: level, [BROTLI_PARAM_SIZE_HINT]: size }
}
