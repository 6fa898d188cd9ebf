import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Context } from '../../kernel/index.ts'
import { workWith } from '../pool/pool.fixture.ts'
import { type ModelClient, ModelCluster, type ModelWorker, modelWorker } from './cluster.fixture.ts'

/** A client of the service, which keeps the last token that it was given. */
interface Client {
  worker: ModelWorker
  context: Context
  token: string | undefined
  /** All that it has written and was told of. */
  readonly written: number[]
}

const names = ['one', 'two', 'three']
const at = fc.nat(11)
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('read'), client: at }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('write'), client: at }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('next request'), client: at, worker: at }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('replay'), standby: at, count: at }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time'), ms: fc.constantFrom(1, 5, 30, 300) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('an answer arrives'), at }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('restart'), standby: at, lost: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('silence'), standby: at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('failover'), standby: at }) }
)

interface Tally {
  replica: number
  primary: number
}

function toldWhy (error: NodeJS.ErrnoException): undefined {
  assert.match(error.code ?? error.message, /^(?:REPLICA_IN_DOUBT|DATABASE_LOST)$/)
}

async function run (steps: readonly Record<string, unknown>[], waitMs: number, tally: Tally): Promise<void> {
  const cluster = new ModelCluster(names)
  const workers = await Promise.all([0, 1].map(() => modelWorker(cluster, { waitMs })))
  cluster.prompt = false
  const clients = [0, 1, 2].map((): Client => ({
    worker: workers[0]!,
    context: workWith().context,
    token: undefined,
    written: [],
  }))
  const reads: Promise<void>[] = []

  async function read ({ worker, context, written }: Client): Promise<void> {
    const mustShow = [...written]
    const name = await worker.routeOf(context)
    const replica = worker.replicas.find((replica) => replica.name === name)
    const client = await replica?.connect(worker.notes.find(context)?.floor).catch(toldWhy) as
      | ModelClient
      | undefined
    // A read over a connection that is lost by now fails.
    const server = client?.alive === true ?
      cluster.standbys.find((standby) => standby.name === name) :
      undefined
    tally[server === undefined ? 'primary' : 'replica']++
    // What the primary itself does not have was lost in a failover.
    const missing = mustShow.filter((id) => cluster.primary.has(id) && server?.has(id) === false)
    client?.release()
    assert.deepEqual(missing, [], `${name} does not show what its reader wrote`)
  }

  /** Lets what runs go on until it waits for an answer, and answers; true when `done` has come. */
  async function answering<Result> (result: Result | Promise<Result>): Promise<Result> {
    const state = { done: false }
    const end = Promise.resolve(result).finally(() => state.done = true)
    end.catch(() => {}) // it is awaited below
    while (!state.done) {
      cluster.underWay.shift()?.arrive()
      await turn()
      if (cluster.underWay.length === 0) cluster.clock.advance(1)
    }
    return await end
  }

  for (const given of steps) {
    const index = (key: string, length: number): number => Number(given[key]) % length
    const client = clients[index('client', clients.length)]!
    const standby = cluster.standbys[index('standby', names.length)]!
    switch (given['kind']) {
      case 'read':
        reads.push(read(client))
        reads.at(-1)!.catch(() => {}) // it is awaited at the end
        break
      case 'write':
        client.worker.write(client.context, () => client.written.push(cluster.commit()))
        break
      case 'next request': {
        client.token = await answering(client.worker.router.token(client.context, 100)) ?? client.token
        client.worker = workers[index('worker', workers.length)]!
        client.context = workWith().context
        if (client.token !== undefined) client.worker.notes.of(client.context).token = client.token
        break
      }
      case 'replay':
        cluster.replay(standby, Number(given['count']))
        break
      case 'time':
        cluster.clock.advance(Number(given['ms']))
        break
      case 'an answer arrives':
        cluster.underWay.splice(index('at', cluster.underWay.length || 1), 1)[0]?.arrive()
        break
      case 'restart':
        cluster.restart(standby, Number(given['lost']))
        break
      case 'silence':
        standby.answers = !standby.answers
        break
      case 'failover':
        if (standby.standby) cluster.promote(standby)
        break
    }
    await turn()
  }
  await answering(Promise.all(reads))
}

for (const waitMs of [0, 20]) {
  test(`whatever happens to the servers, nobody is shown less than what he wrote (wait ${waitMs} ms)`, async (t) => {
    const tally = { replica: 0, primary: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 80 }),
        (steps) => run(steps, waitMs, tally)
      ),
      { numRuns: 150 }
    )
    t.diagnostic(`${tally.replica} reads from replicas, ${tally.primary} from the primary`)
    assert.ok(tally.replica > 100 && tally.primary > 100, 'both were used')
  })
}
