import { Transform } from 'node:stream'
import { BodyDigest } from './body-digest.ts'
import type { ExpectedDigest } from './content-digest.ts'

/**
 * Passes a body through unchanged and holds back its end: with another body than the one expected the stream
 * fails with `mismatch()` instead of ending. Nothing is kept, so a reader that acts on parts of a body, rather
 * than on a whole one, acts before it is known to be right.
 *
 * Put it first, before what decompresses: a digest is of the bytes that were sent.
 */
export function digestStream (expected: ExpectedDigest, mismatch: () => Error): Transform {
  const digest = new BodyDigest(expected)
  return new Transform({
    transform (chunk: Buffer, _encoding, done) {
      digest.update(chunk)
      done(null, chunk)
    },
    flush (done) {
      done(digest.matches() ? null : mismatch())
    },
  })
}
