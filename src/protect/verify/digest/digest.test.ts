import fc from 'fast-check'
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { contentDigest, readContentDigest } from './content-digest.ts'
import { digestStream } from './digest-stream.ts'

const body = '{"hello": "world"}\n'
const mismatch = (): Error => new Error('digest mismatch')

async function through (chunks: readonly Uint8Array[], field: string): Promise<string> {
  const expected = readContentDigest(field)
  assert.ok(expected, field)
  return (await buffer(Readable.from(chunks).pipe(digestStream(expected, mismatch)))).toString()
}

test('RFC 9530, appendix D: the digest of the example body', async () => {
  const field = 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:'
  assert.equal(contentDigest(body), field)
  assert.equal(await through([Buffer.from(body)], field), body)
})

test('a body passes unchanged whatever its chunks; any other fails instead of ending', async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(chunks, fc.constantFrom('sha-256', 'sha-512'), async (parts, algorithm) => {
      const whole = Buffer.concat(parts)
      const field = contentDigest(whole, algorithm)
      assert.equal(await through(parts, field), whole.toString())
      await assert.rejects(through([...parts, Buffer.from('!')], field), /digest mismatch/)
      if (whole.length > 0) await assert.rejects(through([], field), /digest mismatch/)
    })
  )
})

test('every digest that is sent is checked: two that belong to two bodies match neither', async () => {
  const other = '{"hello": "mars"}\n'
  const field = `${contentDigest(body, 'sha-256')}, ${contentDigest(other, 'sha-512')}`
  await assert.rejects(through([Buffer.from(body)], field), /digest mismatch/)
  await assert.rejects(through([Buffer.from(other)], field), /digest mismatch/)
})

test('digests that cannot be checked are passed over, and alone they are none', () => {
  assert.equal(readContentDigest('md5=:AAAAAAAAAAAAAAAAAAAAAA==:'), undefined)
  assert.equal(readContentDigest('sha-256=:AAAA:'), undefined, 'too short for its algorithm')
  assert.equal(readContentDigest('sha-256=AAAA'), undefined)
  assert.equal(readContentDigest('sha-256=(:AAAA:)'), undefined)
  assert.equal(readContentDigest(''), undefined)
  assert.equal(readContentDigest(`${contentDigest(body)}, ${'x'.repeat(2_000)}`), undefined)
  assert.ok(readContentDigest(`md5=:AAAA:, ${contentDigest(body)}`)?.['sha-256'])
})
