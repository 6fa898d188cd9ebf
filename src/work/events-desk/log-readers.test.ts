import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testOutbox } from '../outbox/outbox.fixture.ts'
import { isDeclared, readerPart, readersOf } from './log-readers.ts'

const every = (): undefined => undefined

test('a reader in parts lags as its latest part does, each by the events of its own keys', async () => {
  await using own = await testOutbox()
  const { outbox } = own
  const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  for (const key of keys) await own.emit(key, 1)
  await own.all()
  const partOf = async (at: number) =>
    (await outbox.read({ after: undefined, limit: 100, shard: { of: 2, at } })).messages
  const [first, second] = [await partOf(0), await partOf(1)]
  assert.ok(first.length > 0 && second.length > 0 && first.length + second.length === keys.length)
  // Each is behind what is its own, and before events of the other.
  const lastOf = (messages: typeof first) => messages.at(-1)!.position
  await outbox.checkpoints.open('relay nats 0/2', lastOf(first))
  await outbox.checkpoints.open('relay nats 1/2', lastOf(second))
  const [nats] = await readersOf(outbox, every)
  assert.deepEqual([nats?.kind, nats?.name, nats?.parts, nats?.lagMs], ['relay', 'nats', 2, 0])
  const [lower] = [lastOf(first), lastOf(second)].toSorted((a, b) => Number(a.position - b.position))
  assert.deepEqual(nats?.position, lower)
  await own.emit(first[0]!.key, 2)
  await own.all()
  const [late] = await readersOf(outbox, every)
  assert.ok(late?.lagMs !== undefined && late.lagMs > 0)
})

test('a checkpoint says whose it is; one of another program is of its own', () => {
  const at = (name: string) => {
    const { kind, name: reader, build, incarnation, shard } = readerPart({
      name,
      position: { epoch: 1, xid: 1n, position: 1n },
      token: '0',
      savedAtMs: 0,
    })
    return [kind, reader, build, incarnation, shard]
  }
  assert.deepEqual(at('relay nats 3/4'), ['relay', 'nats', undefined, undefined, { at: 3, of: 4 }])
  assert.deepEqual(at('consumer billing 2 4/3'), ['consumer', 'billing', undefined, 2, { at: 3, of: 4 }])
  assert.deepEqual(at('projection best-sellers 7'), ['projection', 'best-sellers', 7, undefined, undefined])
  assert.deepEqual(at('relay of mine'), ['other', 'relay of mine', undefined, undefined, undefined])
})

test("a checkpoint is declared when its reader is; other programs' are", () => {
  const declared = { relays: ['nats'], consumers: ['billing'], projections: ['best-sellers'] }
  const all = [
    'relay nats 0/4',
    'relay kafka 0/4',
    'consumer billing 2 4/3',
    'consumer mailing 2 4/3',
    'consumer nats 1 4/0',
    'projection best-sellers 7',
    'projection worst-sellers 1',
    'my own reader',
  ]
  assert.deepEqual(
    all.filter((checkpoint) => isDeclared(checkpoint, declared)),
    ['relay nats 0/4', 'consumer billing 2 4/3', 'projection best-sellers 7', 'my own reader']
  )
})
