import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { exitCodeMeanings } from '../../src/cli/exit-code.ts'

const root = new URL('../../', import.meta.url)

test('the table in docs/settings.md is the one in the sources', () => {
  const script = fileURLToPath(new URL('scripts/settings-doc.ts', root))
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--conditions=plimsoll-source', script, '--check'],
    {
      encoding: 'utf8',
    }
  )
  assert.equal(status, 0, stderr)
})

test('docs/cli.md lists the exit codes that there are', () => {
  const listed = [...readFileSync(new URL('docs/cli.md', root), 'utf8').matchAll(/^\| (\d+) \|/gm)]
  assert.deepEqual(listed.map(([, code]) => Number(code)), exitCodeMeanings.map(([code]) => code))
})
