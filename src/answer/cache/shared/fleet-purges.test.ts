import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ManualClock, manualClock } from '../../../kernel/index.ts'
import { fleetCounts } from './fleet-counts.ts'
import { FleetPurges } from './fleet-purges.ts'
import { Link } from './link.ts'
import type { CacheOutage } from './options.ts'
import type { Position, PurgeListener, PurgeRecord, View } from './purge-log.ts'

const membershipMs = 1_000

interface Subject {
  readonly purges: FleetPurges
  readonly clock: ManualClock
  readonly said: Position[]
  readonly told: CacheOutage[]
  /** What the log answers with. */
  view: (position: Position) => View | Promise<View>
  /** The log's news. */
  listener: PurgeListener | undefined
}

/** A member whose log says what the test wants. */
function subject (): Subject {
  const clock = manualClock()
  const counts = fleetCounts('test', undefined)
  const made = {
    said: [],
    told: [],
    clock,
    listener: undefined,
    view: (position: Position) => view(position),
  } as unknown as Subject
  const link = new Link({
    store: 'test',
    clock,
    timeoutMs: 300,
    counts,
    reachable: () => true,
    onOutage: (outage) => made.told.push(outage),
    onDoubt: () => void purges.sync(),
  })
  const purges = new FleetPurges({
    link,
    clock,
    counts,
    membershipMs,
    log: {
      async sync (position) {
        made.said.push(position)
        return made.view(position)
      },
      append: async () => ({ epoch: 'e', sequence: 900, members: ['me'] }),
      progress: async () => ({ acknowledged: 1, lapsed: 0, pending: 0 }),
      async listen (listener) {
        made.listener = listener
        return () => {}
      },
      leave: async () => {},
    },
  })
  return Object.assign(made, { purges })
}

function view (position: Position, more: Partial<View> = {}): View {
  const sequence = more.records?.at(-1)?.sequence ?? Math.max(100, position.sequence)
  const member = position.epoch === (more.epoch ?? 'e')
  return { epoch: 'e', sequence, floor: 100, hardFloor: 99, lost: false, records: [], member, ...more }
}

const record = (previous: number, sequence: number, more: Partial<PurgeRecord> = {}): PurgeRecord => ({
  previous,
  sequence,
  epoch: 'e',
  mode: 'soft',
  tags: [`t${sequence}`],
  ...more,
})

async function settled (): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}

test('a process knows all purges only once it is a member and has applied them, from when it asked, and no longer', async () => {
  const { purges, clock, said } = subject()
  assert.equal(purges.current, false)
  purges.start()
  await settled()
  assert.deepEqual(said, [{ epoch: '', sequence: 0 }, { epoch: 'e', sequence: 100 }])
  assert.equal(purges.current, true)
  clock.advance(250)
  await settled()
  clock.advance(999)
  assert.equal(purges.current, true)
  await purges.close()
  assert.equal(purges.current, false)
})

test('an answer that was long in coming counts from its question', async () => {
  const on = subject()
  on.purges.start()
  await settled()
  const answer = Promise.withResolvers<View>()
  on.view = () => answer.promise
  clockTo(on, 250)
  await settled()
  on.clock.advance(900)
  answer.resolve(view(on.said.at(-1) as Position))
  on.view = () => new Promise(() => {})
  await settled()
  assert.equal(on.purges.current, true)
  on.clock.advance(99)
  assert.equal(on.purges.current, true, 'the question was asked 999 ms ago')
  on.clock.advance(1)
  assert.equal(on.purges.current, false)
})

test('news are applied at once in their turn, and said; out of turn, or of another history, the log is asked', async () => {
  const { purges, said, listener } = await running()
  listener()?.purged(record(100, 200))
  assert.equal(purges.staleSince('t200'), 200)
  await settled()
  assert.deepEqual(said.at(-1), { epoch: 'e', sequence: 200 })
  listener()?.purged(record(300, 400))
  listener()?.purged(record(200, 300, { epoch: 'another' }))
  listener()?.purged(record(100, 200))
  assert.equal(purges.sequence, 200)
  await settled()
  assert.deepEqual(said.at(-1), { epoch: 'e', sequence: 200 })
})

test('what was missed is applied in its order, and said', async () => {
  const on = await running()
  on.subject.view = (position) =>
    view(
      position,
      position.sequence === 100 ?
        { records: [record(100, 200, { mode: 'hard' }), record(200, 300)] } :
        { sequence: 300 }
    )
  await on.purges.sync()
  assert.deepEqual([on.purges.goneSince('t200'), on.purges.staleSince('t300')], [200, 300])
  assert.deepEqual(on.said.at(-1), { epoch: 'e', sequence: 300 })
  assert.equal(on.purges.current, true)
})

test('while there is more to hear it does not know all purges', async () => {
  const on = subject()
  const rest = Promise.withResolvers<void>()
  on.view = async (position) => {
    if (position.epoch === '') return view(position)
    if (position.sequence === 200) await rest.promise
    const records = position.sequence < 300 ? [record(position.sequence, position.sequence + 100)] : []
    return view(position, { sequence: 300, records })
  }
  on.purges.start()
  await settled()
  assert.deepEqual([on.purges.sequence, on.purges.current], [200, false])
  rest.resolve()
  await settled()
  assert.deepEqual([on.purges.sequence, on.purges.current], [300, true])
})

test('a new history makes all stale that is older; and gone, for who may have missed a hard purge', async () => {
  for (
    const [away, lost, gone] of [[false, false, false], [true, false, true], [false, true, true]] as const
  ) {
    const on = await running()
    if (away) {
      on.subject.view = () => Promise.reject(new Error('the store is gone'))
      on.clock.advance(2 * membershipMs)
      await settled()
      assert.equal(on.purges.current, false)
    }
    on.subject.view = (position) =>
      view(position, {
        epoch: 'f',
        sequence: 700,
        floor: 700,
        hardFloor: 699,
        lost,
        member: position.epoch === 'f',
      })
    await on.purges.sync()
    assert.equal(on.purges.staleSince('any'), 700)
    assert.equal(on.purges.goneSince('any') === 699, gone, JSON.stringify({ away, lost }))
    assert.equal(on.purges.current, true)
  }
})

test('a log that no longer reaches back makes what is older count as purged', async () => {
  const on = await running()
  on.subject.view = (position) =>
    view(position, {
      floor: 600,
      hardFloor: 500,
      sequence: 700,
      records: position.sequence < 700 ? [record(600, 700)] : [],
    })
  await on.purges.sync()
  assert.deepEqual([on.purges.goneSince('any'), on.purges.staleSince('any')], [500, 600])
  assert.equal(on.purges.staleSince('t700'), 700)
})

test('a store that is late is gone, once; its answer brings it back', async () => {
  const on = await running()
  const answer = Promise.withResolvers<View>()
  on.subject.view = () => answer.promise
  void on.purges.sync()
  await settled()
  on.clock.advance(301)
  await settled()
  on.clock.advance(301)
  assert.deepEqual(on.subject.told.map(({ state }) => state), ['gone'])
  on.subject.view = (position) => view(position)
  answer.resolve(view(on.said.at(-1) as Position))
  await settled()
  assert.deepEqual(on.subject.told.map(({ state }) => state), ['gone', 'back'])
})

test('a purge that cannot be told holds in this process, and says so', async () => {
  const on = await running()
  on.subject.view = () => Promise.reject(new Error('the store is gone'))
  await on.purges.sync()
  const before = on.purges.sequence
  await assert.rejects(on.purges.purge(['a', 'b', 'a'], 'hard'), {
    code: 'CACHE_PURGE_FAILED',
    tags: ['a', 'b'],
  })
  assert.ok(on.purges.goneSince('a') > before)
  assert.ok(on.purges.goneSince('c') < before)
})

function clockTo ({ clock }: { readonly clock: ManualClock }, ms: number): void {
  clock.advance(ms - clock.now())
}

async function running (): Promise<{
  readonly subject: Subject
  readonly purges: FleetPurges
  readonly clock: ManualClock
  readonly said: Position[]
  readonly listener: () => PurgeListener | undefined
}> {
  const on = subject()
  on.purges.start()
  await settled()
  return { subject: on, purges: on.purges, clock: on.clock, said: on.said, listener: () => on.listener }
}
