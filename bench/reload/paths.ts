/** How long `GET /slow` takes. */
export const slowMs = 300
/** `GET /stream` sends so many chunks, so far apart: half a second in all. */
export const streamChunks = 11
export const streamGapMs = 50
export const streamChunk: string = 'x'.repeat(1024)

/** Bodies of known length, so that a short one is noticed. */
export const bodies = { ping: 'pong', slow: 'slow' } as const

/** The paths, and the exact length of a whole answer in bytes. */
export const bodyBytes: Readonly<Record<string, number>> = {
  '/ping': bodies.ping.length,
  '/slow': bodies.slow.length,
  '/stream': streamChunks * streamChunk.length,
}
