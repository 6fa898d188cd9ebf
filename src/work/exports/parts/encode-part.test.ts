import fc from 'fast-check'
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { crc32, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { decodeParts, encodePart, type ExportCoding, exportCodings, type RawTotals } from './encode-part.ts'

const parts = fc.array(fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 3 }), {
  minLength: 1,
  maxLength: 5,
})

/** As an export does: part after part, of which each knows only what was before. */
async function encodeAll (
  parts: readonly (readonly Uint8Array[])[],
  coding: ExportCoding
): Promise<Buffer[]> {
  let crc = 0
  let rawBytes = 0
  const files: Buffer[] = []
  for (const [at, pieces] of parts.entries()) {
    const raw = async function* (): AsyncGenerator<Buffer> {
      for (const piece of pieces) {
        crc = crc32(piece, crc)
        rawBytes += piece.length
        yield Buffer.from(piece)
      }
    }
    const totals = (): RawTotals | undefined => at === parts.length - 1 ? { crc, rawBytes } : undefined
    files.push(await buffer(encodePart(raw(), coding, { isFirst: at === 0, totals })))
  }
  return files
}

async function* streamsOf (files: readonly Buffer[]): AsyncGenerator<Readable> {
  for (const file of files) yield Readable.from([file], { objectMode: false })
}

for (const coding of exportCodings) {
  test(`${coding}: the parts one after another are one file, and give back what went in`, async () => {
    await fc.assert(
      fc.asyncProperty(parts, async (parts) => {
        const plain = Buffer.concat(parts.flat())
        const files = await encodeAll(parts, coding)
        assert.deepEqual(files, await encodeAll(parts, coding)) // the same rows, the same bytes
        const whole = Buffer.concat(files)
        if (coding === 'gzip') assert.ok(gunzipSync(whole).equals(plain))
        if (coding === 'zstd') assert.ok(zstdDecompressSync(whole).equals(plain))
        if (coding === 'identity') assert.ok(whole.equals(plain))
        assert.ok((await buffer(Readable.from(decodeParts(streamsOf(files), coding)))).equals(plain))
      }),
      { numRuns: 50 }
    )
  })
}

test('gzip: all parts are one member, for clients that read no second one', async () => {
  const files = await encodeAll(
    [[Buffer.from('one ')], [], [Buffer.from('two ')], [Buffer.from('three')]],
    'gzip'
  )
  const whole = Buffer.concat(files)
  const magic = Buffer.from([0x1f, 0x8b, 8])
  assert.equal(whole.indexOf(magic), 0)
  assert.equal(whole.indexOf(magic, 1), -1)
  // It refuses whatever follows the first member, as browsers do.
  const plain = new Blob([new Uint8Array(whole)]).stream().pipeThrough(new DecompressionStream('gzip'))
  assert.equal(await new Response(plain).text(), 'one two three')
})

test('gzip: a file that lacks a part, or its end, does not pass for a whole one', async () => {
  const files = await encodeAll(
    [[Buffer.from('one ')], [Buffer.from('two ')], [Buffer.from('three')]],
    'gzip'
  )
  for (const some of [[files[0]!, files[2]!], [files[0]!, files[1]!]]) {
    assert.throws(() => gunzipSync(Buffer.concat(some)))
  }
})

test('a source that fails, and a reader that leaves, end it all', async () => {
  for (const coding of exportCodings) {
    let ended = 0
    const failing = async function* (fails: boolean): AsyncGenerator<Buffer> {
      try {
        yield Buffer.alloc(500_000, 'x')
        if (fails) throw new Error('broken')
        for (;;) yield Buffer.alloc(500_000, 'x')
      } finally {
        ended++
      }
    }
    const place = { isFirst: true, totals: () => undefined }
    await assert.rejects(buffer(encodePart(failing(true), coding, place)), /broken/)
    let pieces = 0
    for await (const _ of encodePart(failing(false), coding, place)) if (++pieces === 3) break
    await waitUntil('both sources are ended', () => ended === 2)
  }
})
