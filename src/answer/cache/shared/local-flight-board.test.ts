import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localEngine, serveLocalEngine } from '../../../engines/index.ts'
import { manualClock, systemClock } from '../../../kernel/index.ts'
import { testFlightBoard } from './flight-board.contract.ts'
import { LocalFlightBoard } from './local-flight-board.ts'
import { line } from './local-line.fixture.ts'
import { LocalPurgeLog } from './local-purge-log.ts'

const supervisor = serveLocalEngine()

testFlightBoard('local', async () => {
  const { near, far } = line()
  supervisor.attach(far)
  const client = await localEngine({ channel: near }).connect()
  return new LocalFlightBoard({ client, prefix: 'board', maxBytes: 1_024 })
})

test('a value passes through the supervisor only when somebody waits for it', async () => {
  await using engine = localEngine()
  const client = await engine.connect()
  const board = new LocalFlightBoard({ client, prefix: 'board', maxBytes: 1_024 })
  for (const followed of [false, true]) {
    await board.enter('k', 'a', 5_000)
    if (followed) await board.enter('k', 'b', 5_000)
    await board.end('k', 'a', { kind: 'value', value: Buffer.from('value'), keepMs: 60_000 })
    assert.equal(await client.get('board:outcome:a') !== undefined, followed)
  }
})

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
