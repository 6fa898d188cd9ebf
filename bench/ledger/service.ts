// The service of the ledger: a thing is written together with its jobs, its event and its saga, and each of them
// has an effect, which is counted.
import { defineService } from 'plimsoll'
import { defineConsumer } from 'plimsoll/consumers'
import type { Transaction } from 'plimsoll/data'
import { defineEvent } from 'plimsoll/events'
import { defineJob } from 'plimsoll/jobs'
import { type DefinedSaga, defineSaga } from 'plimsoll/sagas'
import { type Static, Type } from 'typebox'

const Thing = Type.Object({ id: Type.String({ format: 'uuid' }), key: Type.Integer(), turn: Type.Integer() })
type Thing = Static<typeof Thing>

/** Where the payments of the ledger are. */
const paymentsUrl = process.env['LEDGER_PAYMENTS'] ?? 'http://127.0.0.1:9'
/** How long jobs take, in milliseconds: so that there is something to be killed in. */
const workMs = 20

async function effect (tx: Transaction, kind: string, { id, key, turn }: Thing): Promise<void> {
  await tx.query('insert into effect (kind, thing, key, turn) values ($1, $2, $3, $4)', [kind, id, key, turn])
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Its effect commits together with its settlement. */
const settled = defineJob('settled', {
  input: Thing,
  tier: 'within-5s',
  transactional: true,
  retry: { attempts: 100, base: '50ms', cap: '500ms' },
  async run (thing, { tx }) {
    await effect(tx, 'job', thing)
    if (thing.turn % 3 === 0) await pause(workMs)
  },
})

/** Its effect is somewhere else, and known by the job's id there. */
const called = defineJob('called', {
  input: Thing,
  tier: 'within-5s',
  retry: { attempts: 100, base: '50ms', cap: '500ms' },
  async run (thing, { id, signal }) {
    if (thing.turn % 3 === 0) await pause(workMs)
    const answer = await fetch(`${paymentsUrl}/called/${thing.id}`, {
      method: 'POST',
      headers: { 'idempotency-key': id },
      signal,
    })
    if (!answer.ok) throw new Error(`answered ${answer.status}`)
  },
})

const made = defineEvent('thing.made', 1, Thing, { key: ({ key }) => String(key) })

const heard = defineConsumer('heard', {
  on: [made.handle(async (thing, { tx }) => effect(tx, 'heard', thing))],
  retry: { attempts: 100, base: '50ms', cap: '500ms' },
})

const heardByBroker = defineConsumer('heard-by-broker', {
  source: 'nats',
  on: [made.handle(async (thing, { tx }) => effect(tx, 'heard by broker', thing))],
  retry: { attempts: 100, base: '50ms', cap: '500ms' },
})

const quick = { attempts: 100, base: '50ms', cap: '500ms' } as const

const flow: DefinedSaga<Thing> = defineSaga('flow', {
  version: 1,
  data: Thing,
  deadline: '30m',
  key: ({ id }) => id,
  steps: [
    {
      name: 'begin',
      local: async (thing, { tx }) => effect(tx, 'saga begun', thing),
      compensate: { local: async (thing, { tx }) => effect(tx, 'saga undone', thing) },
    },
    {
      name: 'pay',
      http: { request: ({ id }) => ({ url: `${paymentsUrl}/paid/${id}` }) },
      retry: quick,
      compensate: {
        http: { request: ({ id }) => ({ url: `${paymentsUrl}/refunded/${id}` }) },
        retry: quick,
      },
    },
    { name: 'finish', pivot: true, local: async (thing, { tx }) => effect(tx, 'saga ended', thing) },
  ],
})

export default defineService({
  name: 'ledger',
  database: { schema: 'ledger', migrations: new URL('./migrations/', import.meta.url) },
  jobs: [settled, called],
  events: [made],
  consumers: process.env['PLIMSOLL_BROKER_URLS'] === undefined ? [heard] : [heard, heardByBroker],
  sagas: [flow],
  routes (app) {
    app.post(
      '/things',
      { schema: { body: Thing }, config: { criticality: 'critical' } },
      async (request, reply) => {
        const thing = request.body
        await request.transaction(async (tx) => {
          const { rowCount } = await tx.query(
            'insert into thing (id, key, turn) values ($1, $2, $3) on conflict do nothing',
            [thing.id, thing.key, thing.turn]
          )
          // Its client has not heard that it is there.
          if (rowCount === 0) return
          await settled.enqueue(tx, thing)
          await called.enqueue(tx, thing)
          await made.emit(tx, thing)
          await flow.start(tx, thing)
        })
        return reply.code(202).send({ id: thing.id })
      }
    )
  },
})
