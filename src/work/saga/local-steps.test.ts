import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Type } from 'typebox'
import { defineSaga } from './define-saga.ts'
import { StepRefused } from './errors.ts'
import { type Harbour, openHarbour } from './sagas.fixture.ts'

const quick = { attempts: 3, base: '1ms', cap: '5ms' } as const

/** Reserves, ships and notifies, in tables; what of it fails is said by the data. */
const order = defineSaga('order', {
  version: 1,
  data: Type.Object({
    id: Type.String(),
    fails: Type.Optional(Type.String()),
    reserved: Type.Optional(Type.Integer()),
  }),
  deadline: '1m',
  key: ({ id }) => id,
  steps: [
    {
      name: 'reserve',
      retry: quick,
      async local ({ id, fails }, { tx, attempt }) {
        await tx.query('INSERT INTO done VALUES ($1, $2)', [id, 'reserve'])
        if (fails === 'reserve once' && attempt === 1) await tx.query('SELECT 1 / 0')
        return { reserved: attempt }
      },
      compensate: {
        async local ({ id }, { tx, outcome }) {
          await tx.query('INSERT INTO done VALUES ($1, $2)', [id, `release ${outcome}`])
        },
      },
    },
    {
      name: 'ship',
      retry: quick,
      async local ({ id, fails }, { tx }) {
        await tx.query('INSERT INTO done VALUES ($1, $2)', [id, 'ship'])
        if (fails === 'ship') throw new StepRefused('no ship sails there', { code: 'NO_ROUTE' })
        if (fails === 'ship always') throw new Error('harbour is closed')
        if (fails === 'data') return { reserved: 'many' as unknown as number }
        return undefined
      },
      compensate: 'nothing',
    },
    {
      name: 'notify',
      pivot: true,
      local: async ({ id }, { tx }) =>
        void await tx.query('INSERT INTO done VALUES ($1, $2)', [id, 'notify']),
    },
  ],
})

let harbour: Harbour

before(async () => {
  harbour = await openHarbour({ sagas: [order] })
  await harbour.pool.query('CREATE TABLE done (id text, what text)')
})
after(() => harbour?.[Symbol.asyncDispose]())

async function sail (id: string, fails?: string): Promise<string> {
  return await harbour.inTransaction(async (tx) =>
    (await order.start(tx, { id, ...(fails === undefined ? {} : { fails }) })).id
  )
}

async function done (id: string): Promise<string[]> {
  const { rows } = await harbour.pool.query<{ what: string }>('SELECT what FROM done WHERE id = $1', [id])
  return rows.map(({ what }) => what)
}

test('steps run one after the other, each exactly once, and the trail tells it', async () => {
  const id = await sail('good')
  const saga = await harbour.ended(id)
  assert.equal(saga.state.status, 'completed')
  assert.deepEqual(await done('good'), ['reserve', 'ship', 'notify'])
  assert.deepEqual(saga.data, { id: 'good', reserved: 1 })
  assert.deepEqual(await harbour.story(id), [
    'started',
    'done reserve',
    'done ship',
    'done notify',
    'point of no return notify',
    'completed',
  ])
})

test('a try that fails leaves nothing behind, and the next one counts', async () => {
  const saga = await harbour.ended(await sail('twice', 'reserve once'))
  assert.equal(saga.state.status, 'completed')
  assert.deepEqual(await done('twice'), ['reserve', 'ship', 'notify'])
  assert.equal(saga.data['reserved'], 2)
})

test('a step that is refused is not tried again, and what was done before it is undone', async () => {
  const id = await sail('refused', 'ship')
  const saga = await harbour.ended(id)
  assert.equal(saga.state.status, 'compensated')
  assert.deepEqual(saga.state.failure, { code: 'NO_ROUTE', message: 'no ship sails there', step: 'ship' })
  assert.deepEqual(await done('refused'), ['reserve', 'release done'])
  assert.equal((await harbour.story(id)).filter((line) => line === 'try failed ship').length, 1)
})

test('a step that fails each time is given up after its tries', async () => {
  const id = await sail('closed', 'ship always')
  assert.equal((await harbour.ended(id)).state.status, 'compensated')
  assert.equal((await harbour.story(id)).filter((line) => line === 'try failed ship').length, quick.attempts)
})

test('data that do not fit their schema roll the step back, and are its failure', async () => {
  const saga = await harbour.ended(await sail('misfit', 'data'))
  assert.equal(saga.state.status, 'compensated')
  assert.equal(saga.state.failure?.code, 'SAGA_DATA_INVALID')
  assert.deepEqual(await done('misfit'), ['reserve', 'release done'])
})

test('of one name and key there is one saga, also when both start at once', async () => {
  const [first, second] = await Promise.all([sail('same'), sail('same')])
  assert.equal(first, second)
  const again = await harbour.inTransaction((tx) => order.start(tx, { id: 'same' }))
  assert.deepEqual(again, { id: first, duplicate: true })
  await harbour.ended(first)
  assert.deepEqual(await done('same'), ['reserve', 'ship', 'notify'])
})

test('a saga is found by its id, whatever the keys of others are', async () => {
  const first = await sail('found')
  await harbour.ended(await sail(first))
  assert.equal((await harbour.sagas.get(first)).key, 'found')
  assert.equal((await harbour.sagas.get(first.toUpperCase())).key, 'found')
  assert.equal((await harbour.sagas.get({ saga: 'order', key: first })).key, first)
})

test('a saga whose transaction is rolled back never was', async () => {
  let id = ''
  await assert.rejects(harbour.inTransaction(async (tx) => {
    id = (await order.start(tx, { id: 'undone' })).id
    throw new Error('second thoughts')
  }))
  await assert.rejects(harbour.sagas.get(id), { code: 'SAGA_NOT_FOUND' })
})

test('a saga started on the pool itself is there as a whole, or not at all', async () => {
  const { id } = await order.start(harbour.pool, { id: 'pooled' })
  assert.equal((await harbour.ended(id)).state.status, 'completed')
  await harbour.pool.query('ALTER TABLE plimsoll_saga_event RENAME TO away')
  try {
    await assert.rejects(order.start(harbour.pool, { id: 'half' }))
    assert.deepEqual(await harbour.sagas.list({ name: 'order', statuses: ['running'] }), [])
  } finally {
    await harbour.pool.query('ALTER TABLE away RENAME TO plimsoll_saga_event')
  }
})

test('data that do not fit their schema, or any row, start nothing; nor does a key that no index holds', async () => {
  const refused = (id: string, options = {}): Promise<void> =>
    assert.rejects(order.start(harbour.pool, { id }, options), { code: /SAGA_DATA_INVALID|SETTING_INVALID/ })
  await refused('x'.repeat(2 ** 20))
  await refused('nul \u0000')
  await refused('x', { key: 'x'.repeat(601) })
  await refused('x', { key: '' })
  await assert.rejects(harbour.inTransaction((tx) => order.start(tx, { id: 7 as unknown as string })), {
    code: 'SAGA_DATA_INVALID',
  })
})
