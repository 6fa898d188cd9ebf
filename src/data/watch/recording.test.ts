import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordStatements } from './recording.ts'
import { statementWatch } from './statement-watch.ts'

test('where no pool can be watched a recording is refused, instead of hearing nothing', async () => {
  await assert.rejects(recordStatements(async () => {}), {
    code: 'NOT_WATCHED',
    message: /observers: \[statementWatch\(\)\]/,
  })
  statementWatch()
  assert.deepEqual((await recordStatements(() => 1)).result, 1)
})
