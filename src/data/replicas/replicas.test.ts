import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../transaction/index.ts'
import { testWorker } from './reads.fixture.ts'
import { type Replication, replication, runOn, type Standby } from './replication.fixture.ts'

let servers: Replication
let standby: Standby

before(async () => {
  servers = await replication()
  standby = await servers.standby()
  await runOn(servers.primary.url, 'CREATE TABLE note (id int PRIMARY KEY, text text NOT NULL)')
  await standby.caughtUp()
})
after(() => servers?.[Symbol.asyncDispose]())

const one = (): readonly [
  { readonly name: string; readonly url: string },
] => [{ name: 'one', url: standby.url }]
const texts = 'SELECT text FROM note WHERE id = $1'

test('a unit that wrote nothing reads from the replica; one that wrote reads its write, from wherever it is', async () => {
  await using worker = await testWorker(servers.primary.url, one())
  const { data, reads } = worker
  await worker.unit(async () => {
    await reads.query(texts, [1])
    assert.equal(reads.consistencyToken(), undefined)
  })
  assert.deepEqual(worker.routed(), { one: 1 })
  await standby.pause()
  await worker.unit(async () => {
    await data.query('INSERT INTO note VALUES (1, $1)', ['first'])
    assert.deepEqual((await reads.query(texts, [1])).rows, [{ text: 'first' }])
  })
  assert.deepEqual(worker.routed(), { one: 1, own_write: 1 })
  await worker.unit(async () => assert.deepEqual((await reads.query(texts, [1])).rows, []))
  assert.deepEqual(worker.routed(), { one: 2, own_write: 1 })
  await standby.resume()
  await standby.caughtUp()
  await worker.unit(async () => {
    await data.query('UPDATE note SET text = $1', ['second'])
    await standby.caughtUp()
    assert.deepEqual((await reads.query(texts, [1])).rows, [{ text: 'second' }])
  })
  assert.deepEqual(worker.routed(), { one: 3, own_write: 1 })
})
test('a transaction counts when it commits', async () => {
  await using worker = await testWorker(servers.primary.url, one())
  await standby.pause()
  await worker.unit(async () => {
    await transaction(worker.data, async (tx) => {
      await tx.query('INSERT INTO note VALUES (2, $1)', ['two'])
      assert.deepEqual((await worker.reads.query(texts, [2])).rows, [])
    })
    assert.deepEqual((await worker.reads.query(texts, [2])).rows, [{ text: 'two' }])
  })
  await standby.resume()
})
