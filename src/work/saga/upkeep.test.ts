import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { type DefinedSaga, defineSaga } from './define-saga.ts'
import { openHarbour } from './sagas.fixture.ts'
import { onSignal } from './wait-for.ts'

function trip (
  version: number,
  steps: readonly string[],
  part: { fails?: boolean; deadline?: '1m' | '200ms' } = {}
): DefinedSaga<{ did?: string[] }> {
  return defineSaga('trip', {
    version,
    data: Type.Object({ did: Type.Optional(Type.Array(Type.String())) }),
    deadline: part.deadline ?? '1m',
    steps: [
      ...steps.map((name) => ({
        name,
        compensate: 'nothing' as const,
        retry: { attempts: 1 },
        local ({ did = [] }: { did?: string[] }) {
          if (part.fails === true) throw new Error('as told')
          return { did: [...did, `${name} v${version}`] }
        },
      })),
      { name: 'go', wait: { timeout: '1m', on: [onSignal('go', Type.Object({}))] } },
    ],
  })
}

test('versions run side by side, each by its own definition', async () => {
  const [one, two] = [trip(1, ['pack']), trip(2, ['pack', 'board'])]
  await using harbour = await openHarbour({ sagas: [one, two] })
  const [first, second] = await harbour.inTransaction(async (
    tx
  ) => [await one.start(tx, {}), await two.start(tx, {})])
  for (const { id } of [first!, second!])
    await harbour.inTransaction((tx) => harbour.sagas.signal(tx, id, { name: 'go' }))
  assert.deepEqual((await harbour.ended(first!.id)).data, { did: ['pack v1'] })
  assert.deepEqual((await harbour.ended(second!.id)).data, { did: ['pack v2', 'board v2'] })
})

test('other steps under the same version are refused while sagas of it are under way, and not after that', async () => {
  const [was, is] = [trip(1, ['pack']), trip(1, ['pack', 'board'])]
  await using harbour = await openHarbour({ sagas: [was] })
  const { id } = await harbour.inTransaction((tx) => was.start(tx, {}))
  await assert.rejects(openHarbour({ sagas: [is], url: harbour.url }), {
    code: 'SAGA_DEFINITION_CHANGED',
    message: /and 1 of that version have not ended: give it version 2, and keep the old definition/,
  })
  await harbour.inTransaction((tx) => harbour.sagas.signal(tx, id, { name: 'go' }))
  await harbour.ended(id)
  await using other = await openHarbour({ sagas: [is], url: harbour.url, works: false })
  assert.equal((await other.sagas.list()).length, 1)
})

test('a saga whose definition has vanished is parked and said, and goes on by itself once that is back', async () => {
  const [old, recent] = [trip(1, ['pack']), trip(2, ['pack'])]
  await using before = await openHarbour({ sagas: [old], works: false })
  const { id } = await before.inTransaction((tx) => old.start(tx, {}))
  await before.pool.query(`UPDATE plimsoll_saga_definition SET seen_at = now() - interval '1 hour'`)
  {
    await using without = await openHarbour({ sagas: [recent], url: before.url, vanished: '1s' })
    // Nothing is held against those that started at the same time: it waits for as long itself.
    const parked = await without.ended(id)
    assert.equal(parked.state.parked?.failure.code, 'SAGA_DEFINITION_UNKNOWN')
    assert.match(parked.runbook ?? '', /Run a release that has its definition/)
    await assert.rejects(without.sagas.resume(id), { code: 'SAGA_DEFINITION_UNKNOWN' })
  }
  await using back = await openHarbour({ sagas: [old, recent], url: before.url })
  await waitUntil('it waits for its signal', async () => (await back.sagas.get(id)).state.action === 'wait')
  await back.inTransaction((tx) => back.sagas.signal(tx, id, { name: 'go' }))
  assert.deepEqual((await back.ended(id)).data, { did: ['pack v1'] })
})

test('a saga that nobody works on ends at its deadline all the same, and a command that got lost is given again', async () => {
  const [short, long] = [trip(1, ['pack'], { deadline: '200ms' }), trip(2, ['pack'])]
  await using harbour = await openHarbour({ sagas: [short, long], works: false })
  const [late, lost] = await harbour.inTransaction(async (
    tx
  ) => [await short.start(tx, {}), await long.start(tx, {})])
  // The queue is emptied, and the minute until the command is missed is cut short.
  await harbour.pool.query('DELETE FROM plimsoll_job')
  await harbour.pool.query(
    `UPDATE plimsoll_saga SET wake_at = now(),
    state = jsonb_set(state, '{stepAtMs}', '0') WHERE id = $1`,
    [lost!.id]
  )
  const keeper = harbour.sagas.keeper()
  const worker = harbour.jobs.worker()
  await Promise.all([keeper.start(), worker.start()])
  const saga = await harbour.ended(late!.id)
  assert.deepEqual([saga.state.status, saga.state.failure?.code], ['compensated', 'SAGA_DEADLINE_PASSED'])
  await waitUntil(
    'the other one waits',
    async () => (await harbour.sagas.get(lost!.id)).state.action === 'wait'
  )
  assert.ok((await harbour.story(lost!.id)).includes('rescued pack'))
})

test('cancelling undoes what was done, is written down with who did it, and is refused once it has ended', async () => {
  const saga = trip(1, ['pack'])
  await using harbour = await openHarbour({ sagas: [saga] })
  const { id } = await harbour.inTransaction((tx) => saga.start(tx, {}))
  await waitUntil('it waits', async () => (await harbour.sagas.get(id)).state.action === 'wait')
  await harbour.sagas.cancel(id, { reason: 'storm', by: 'mate' })
  const { state } = await harbour.ended(id)
  assert.deepEqual([state.status, state.failure?.message], ['compensated', 'storm'])
  assert.equal((await harbour.sagas.trail(id)).find(({ kind }) => kind === 'cancel asked')?.actor, 'mate')
  await assert.rejects(harbour.sagas.cancel(id, { reason: 'x' }), { code: 'SAGA_CONFLICT' })
  await assert.rejects(harbour.sagas.resume(id), { code: 'SAGA_CONFLICT' })
})

test('what has ended is forgotten after its time, trail included', async () => {
  const saga = trip(1, [])
  await using harbour = await openHarbour({ sagas: [saga], keep: '1s' })
  const { id } = await harbour.inTransaction((tx) => saga.start(tx, {}))
  await harbour.inTransaction((tx) => harbour.sagas.signal(tx, id, { name: 'go' }))
  await harbour.pool.query(`UPDATE plimsoll_saga SET ended_at = now() - interval '2 s'`)
  const keeper = harbour.sagas.keeper()
  await keeper.start()
  await waitUntil('it is forgotten', async () => (await harbour.sagas.list()).length === 0)
  await waitUntil('its trail is', async () => (await harbour.sagas.trail(id)).length === 0)
})

test('each unfinished saga is counted, and what can be refused is refused at definition', async () => {
  const fine = { name: 'a', local: () => undefined, compensate: 'nothing' } as const
  const define = (...steps: object[]): unknown =>
    defineSaga('x', { version: 1, data: Type.Object({}), deadline: '1m', steps: steps as never })
  assert.throws(() => define(), { setting: 'saga x: steps' })
  assert.throws(() => define({ name: 'a', local: () => undefined }), {
    setting: 'saga x: step a: compensate',
  })
  assert.throws(() => define(fine, fine), { setting: 'saga x: name of a step' })
  assert.throws(() => define({ ...fine, name: 'end' }), { setting: 'saga x: name of a step' })
  assert.throws(() => define({ name: 'a', compensate: 'nothing' }), { setting: 'saga x: step a' })
  assert.throws(() => define({ ...fine, http: {} }), { setting: 'saga x: step a' })
  assert.throws(() => define({ ...fine, onFailure: 'a' }), { setting: 'saga x: step a: onFailure' })
  assert.throws(() => define({ ...fine, pivot: true }, { ...fine, name: 'b', pivot: true }), {
    setting: 'saga x: pivot',
  })
  assert.throws(() => define({ ...fine, pivot: true, compensate: { local: () => undefined } }), {
    setting: 'saga x: step a: compensate',
  })
  assert.throws(() => define({ ...fine, retry: { attempts: 0 } }), {
    setting: 'saga x: step a: retry.attempts',
  })
  assert.throws(() => define({ name: 'a', wait: { timeout: '1s', on: [] } }), {
    setting: 'saga x: step a: wait.on',
  })
  const saga = trip(1, ['pack'])
  await using harbour = await openHarbour({ sagas: [saga] })
  await harbour.inTransaction((tx) => saga.start(tx, {}))
  const keeper = harbour.sagas.keeper()
  await keeper.start()
  await waitUntil('it is counted', () => {
    const family = harbour.registry.snapshot().families.find(({ name }) =>
      name === 'plimsoll_sagas_unfinished'
    )
    return family?.values.includes(1) ?? false
  })
})
