import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workWith } from '../pool/pool.fixture.ts'
import { ModelCluster, modelWorker } from './cluster.fixture.ts'

test('a connection for which a read had to wait is not used when the replica has lost what it showed', async () => {
  // With 1 commit lost the process goes on, with 2 it has started again.
  for (const lost of [0, 1, 2]) {
    for (const noticed of [true, false]) {
      const cluster = new ModelCluster(['one'])
      const worker = await modelWorker(cluster)
      const [standby, replica] = [cluster.standbys[0]!, worker.replicas[0]!]
      const { context } = workWith()
      for (let each = 0; each < 3; each++) worker.write(context, () => cluster.commit())
      cluster.replay(standby)
      await replica.refresh()
      assert.equal(await worker.routeOf(context), 'one')
      cluster.prompt = false
      const connecting = replica.connect(worker.notes.find(context)?.floor)
      cluster.prompt = true
      cluster.restart(standby, lost)
      if (noticed) {
        await replica.refresh()
        await replica.refresh()
      }
      cluster.underWay.shift()!.arrive()
      if (noticed && lost === 0) (await connecting).release()
      else await assert.rejects(connecting, { code: 'REPLICA_IN_DOUBT' }, `${lost} lost, noticed: ${noticed}`)
    }
  }
})

test('what is not known of a replica is not guessed', async () => {
  const cluster = new ModelCluster(['one'])
  const worker = await modelWorker(cluster)
  const replica = worker.replicas[0]!
  cluster.standbys[0]!.answers = false
  await replica.refresh()
  assert.deepEqual(replica.status, {
    name: 'one',
    state: 'down',
    lagSeconds: undefined,
    lagBytes: undefined,
    inFlight: 0,
  })
  assert.equal(replica.shows({ timeline: 1, lsn: 0n }), false)
  assert.equal(replica.lagMs, Number.POSITIVE_INFINITY)
})
