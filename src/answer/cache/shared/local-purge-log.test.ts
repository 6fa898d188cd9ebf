import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localEngine } from '../../../engines/index.ts'
import { manualClock, systemClock } from '../../../kernel/index.ts'
import { LocalPurgeLog } from './local-purge-log.ts'

test('the numbers of a new supervisor are above those of the one before', async () => {
  const clock = manualClock(1_800_000_000_000)
  const log = async (): Promise<LocalPurgeLog> => {
    const client = await localEngine({ clock: systemClock }).connect()
    return new LocalPurgeLog({ client, prefix: 'p', member: 'm', membershipMs: 1_000, clock })
  }
  const first = await log()
  const start = await first.sync({ epoch: '', sequence: 0 })
  const { sequence } = await first.append(start, ['t'], 'soft')
  clock.advance(2)
  const second = await (await log()).sync({ epoch: start.epoch, sequence })
  assert.ok(second.floor > sequence && second.hardFloor > sequence)
  assert.notEqual(second.epoch, start.epoch)
})

test('a worker that others have given up comes back under another name, so that no late hand takes it off the list', async () => {
  await using engine = localEngine()
  const client = await engine.connect()
  const log = new LocalPurgeLog({ client, prefix: 'p', member: 'm', membershipMs: 1_000, clock: systemClock })
  const { epoch, sequence } = await log.sync({ epoch: '', sequence: 0 })
  await log.sync({ epoch, sequence })
  assert.deepEqual((await log.append({ epoch, sequence }, ['t'], 'soft')).members, ['m'])
  // Another worker has found it lapsed, and has not yet taken it off the list.
  await client.set('p:member:m', 'lapsed')
  const view = await log.sync({ epoch, sequence })
  assert.equal(view.member, true)
  assert.equal(view.records.length, 1)
  const { members } = await log.append({ epoch, sequence }, ['t'], 'soft')
  assert.equal(members.filter((member) => member !== 'm').length, 1)
})

test('a part of the purges that the engine has forgotten counts as purged', async () => {
  await using engine = localEngine()
  const client = await engine.connect()
  const log = new LocalPurgeLog({ client, prefix: 'p', member: 'm', membershipMs: 1_000, clock: systemClock })
  const { epoch, sequence } = await log.sync({ epoch: '', sequence: 0 })
  const first = await log.append({ epoch, sequence }, ['t'], 'hard')
  const last = await log.append({ epoch, sequence }, ['u'], 'soft')
  assert.equal((await log.sync({ epoch, sequence })).records.length, 2)
  await client.delete(`p:purge:${first.sequence}`)
  const view = await log.sync({ epoch, sequence })
  assert.deepEqual([view.records.length, view.floor, view.hardFloor], [0, last.sequence, last.sequence])
})
