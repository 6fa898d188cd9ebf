import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = new URL('../../', import.meta.url)

test('the catalogue in docs/errors.md is the one in the sources', () => {
  const script = fileURLToPath(new URL('scripts/errors-doc.ts', root))
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--conditions=plimsoll-source', script, '--check'],
    {
      encoding: 'utf8',
    }
  )
  assert.equal(status, 0, stderr)
})

test('every code that the sources explain stands in the catalogue', () => {
  const catalogue = readFileSync(new URL('docs/errors.md', root), 'utf8')
  const codes = globSync('src/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts'))
    .map((file) => readFileSync(new URL(file, root), 'utf8'))
    .filter((text) => text.includes('explainProblems({'))
    .flatMap((text) => [...text.matchAll(/^ +([A-Z][A-Z_]+): \[\n? *\d{3},/gm)].map(([, code]) => code))
  assert.ok(codes.length > 20, `found ${codes.length} codes`)
  assert.deepEqual(codes.filter((code) => !catalogue.includes(`\n### ${code}\n`)), [])
})
