import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localEngine, serveLocalEngine } from '../../../engines/index.ts'
import { testFlightBoard } from './flight-board.contract.ts'
import { LocalFlightBoard } from './local-flight-board.ts'
import { line } from './local-line.fixture.ts'

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
