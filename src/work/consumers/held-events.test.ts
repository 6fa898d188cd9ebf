import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consumerTest } from './consumers.fixture.ts'
import { HeldEvents } from './held-events.ts'
import { writeMessage } from './message-text.ts'
import { placed } from './orders.fixture.ts'
import { prepareConsumerTables } from './tables.ts'

test('a replay forgets what is held after its place, and keeps what it does not bring again', async () => {
  await using t = await consumerTest()
  await prepareConsumerTables(t.pool, undefined)
  const held = new HeldEvents(t.pool, undefined)
  const at = (epoch: number, xid: bigint, position: bigint) => ({ epoch, xid, position })
  const places = [at(1, 9n, 99n), at(1, 10n, 1n), at(1, 10n, 2n), at(1, 100n, 1n), at(2, 3n, 1n), undefined]
  for (const [nth, position] of places.entries()) {
    const message = { ...placed(`order-${nth}`, nth), ...(position === undefined ? {} : { position }) }
    await t.pool.query(
      `insert into plimsoll_held_key (consumer, key, dead, attempts, due_at, failure) values ('billing', $1, true, 1, now(), '{}')`,
      [`key-${nth}`]
    )
    await t.pool.query(
      `insert into plimsoll_held_message (consumer, key, message) values ('billing', $1, $2)`,
      [
        `key-${nth}`,
        writeMessage(message),
      ]
    )
  }
  const left = async (): Promise<readonly string[]> => (await held.list('billing')).map(({ key }) => key)
  await held.forgetAfter('another', 'beginning')
  await held.forgetAfter('billing', at(1, 10n, 1n))
  assert.deepEqual(await left(), ['key-0', 'key-1', 'key-5'])
  await held.forgetAfter('billing', 'beginning')
  assert.deepEqual(await left(), [])
})
