import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readGolden, writeGolden } from './golden-file.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-golden-'))
})
after(() => rm(folder, { recursive: true }))

const names = ['GET /"b"', 'GET /a', 'GET /c', 'GET /d', 'GET /e']
const recordOf = (count: number): { readonly [statement: string]: { readonly count: number } } => ({
  [`select "${count}"`]: { count },
})

test('paths that are written at the same time are all in the file, each as the last said', async () => {
  const file = join(folder, 'many.golden.json')
  await Promise.all(
    [0, 1].flatMap((round) => names.map((name, at) => writeGolden(file, name, recordOf(round + at))))
  )
  const read = await Promise.all(names.map((name) => readGolden(file, name)))
  assert.deepEqual(read, names.map((_, at) => recordOf(1 + at)))
})

test('a path or file that is not there is no record; another file is refused', async () => {
  const file = join(folder, 'one.golden.json')
  assert.equal(await readGolden(file, 'GET /'), undefined)
  await writeGolden(file, 'GET /', {})
  assert.deepEqual(await readGolden(file, 'GET /'), {})
  assert.equal(await readGolden(file, 'constructor'), undefined)
  await writeFile(file, '{"version":2,"paths":{}}')
  await assert.rejects(readGolden(file, 'GET /'), { code: 'PLAN_FILE_INVALID' })
})
