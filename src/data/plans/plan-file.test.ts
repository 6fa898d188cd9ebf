import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { driftOf, type Plans, readPlans, writePlans } from './plan-file.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-plans-'))
})
after(() => rm(folder, { recursive: true }))

const byKey = [{ depth: 0, node: 'Index Scan', on: 'a', by: 'a_pkey' }]
const plans: Plans = {
  'select "b" from a': [{ depth: 0, node: 'Seq Scan', on: 'a' }],
  'select a from a': byKey,
}

test('what was written is read again, sorted, with a line for each decision', async () => {
  const file = join(folder, 'plans.json')
  await writePlans(file, plans)
  assert.deepEqual(await readPlans(file), plans)
  const text = await readFile(file, 'utf8')
  assert.match(text, /^ {6}\{"depth":0,"node":"Index Scan","on":"a","by":"a_pkey"\}$/m)
  await writePlans(file, Object.fromEntries(Object.entries(plans).toReversed()))
  assert.equal(await readFile(file, 'utf8'), text)
})

test('no plans at all are a file, too', async () => {
  const file = join(folder, 'empty.json')
  await writePlans(file, {})
  assert.deepEqual(await readPlans(file), {})
})

test('what drifted is changed, new or gone', () => {
  assert.deepEqual(driftOf(plans, plans), [])
  assert.deepEqual(driftOf(plans, { 'select "b" from a': byKey, constructor: byKey }), [
    {
      statement: 'select "b" from a',
      kind: 'changed',
      changes: ['a: was Seq Scan, is now Index Scan by a_pkey'],
    },
    { statement: 'constructor', kind: 'new', changes: [] },
    { statement: 'select a from a', kind: 'gone', changes: [] },
  ])
})

test('a file that is not one is refused by name', async () => {
  const file = join(folder, 'bad.json')
  for (const text of ['', '[]', '{"version":2,"plans":{}}', '{"version":1}']) {
    await writeFile(file, text)
    await assert.rejects(readPlans(file), { code: 'PLAN_FILE_INVALID', file })
  }
  await assert.rejects(readPlans(join(folder, 'none.json')), /cannot be read/)
})
