import assert from 'node:assert/strict'
import { test } from 'node:test'
import { currentContext, Deadline, runWithContext, withDeadline } from '../../kernel/index.ts'
import { workWith } from '../pool/pool.fixture.ts'
import { UnitNotes, WriteNotes } from './write-notes.ts'

test('what a unit must show only rises; a later history goes before a further position', () => {
  const notes = new UnitNotes()
  const floors = [[1, 50n], [1, 40n], [1, 60n], [2, 10n], [1, 99n], [2, 11n]] as const
  const kept = floors.map(([timeline, lsn]) => {
    notes.raise({ timeline, lsn })
    return [notes.floor?.timeline, notes.floor?.lsn]
  })
  assert.deepEqual(kept, [[1, 50n], [1, 50n], [1, 60n], [2, 10n], [2, 10n], [2, 11n]])
})

test('a part of a unit writes for the whole, and one unit for itself alone', () => {
  const notes = new WriteNotes()
  const { context } = workWith()
  const part = withDeadline(context, Deadline.in(1_000))
  runWithContext(part, () => notes.wrote())
  assert.equal(notes.find(context)?.writes, 1)
  assert.equal(notes.find(workWith().context), undefined)
  assert.equal(currentContext(), undefined)
  assert.equal(notes.find(undefined)?.writes, 0)
  part.settle()
})
