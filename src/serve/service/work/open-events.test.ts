import assert from 'node:assert/strict'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Type } from 'typebox'
import { testDatabase } from '../../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { createLogger } from '../../../telemetry/index.ts'
import { keptLines } from '../../../telemetry/log/lines.fixture.ts'
import { defineConsumer } from '../../../work/consumers/index.ts'
import { defineEvent } from '../../../work/events/index.ts'
import { defineProjection } from '../../../work/projections/index.ts'
import { buildService } from '../build.ts'
import { testEnvironment } from '../environment.fixture.ts'
import { defineService } from '../service.ts'

const sold = defineEvent('tea.sold', 1, Type.Object({ id: Type.String() }), { key: ({ id }) => id })
const mailing = defineConsumer('mailing', { on: [sold.handle(() => {})] })
const sales = defineProjection('sales', {
  version: 1,
  tables: { sale: (table) => [`CREATE TABLE ${table} (id text)`] },
  on: [sold],
  apply: async () => {},
})

test('readers of events that the service does not have are named, and given up after the time of its setting', async () => {
  await using database = await testDatabase({ server: 'log' })
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-events-'))
  await writeFile(join(folder, '0001_nothing.sql'), 'select 1')
  const service = defineService({
    name: 'teahouse',
    database: { schema: 'teahouse', migrations: pathToFileURL(`${folder}/`) },
    events: [sold],
    consumers: [mailing],
    projections: [sales],
    routes () {},
  })
  await using environment = await testEnvironment({
    DATABASE_URL: database.url,
    PLIMSOLL_EVENTS_KEEP: '1h',
    PLIMSOLL_EVENTS_FORSAKE_AFTER: '2h',
  })
  const lines = keptLines()
  const telemetry = { ...environment.telemetry, logger: createLogger({ destination: lines }) }
  const { app, work } = await buildService(service, { ...environment, telemetry })
  await work.start()
  const { outbox, data } = app
  const gone = ['consumer former 1 4/0', 'projection of-old 3', 'relay nats 0/4']
  for (const name of gone) await outbox.checkpoints.open(name, 'start')
  await waitUntil("the service's own readers are there", async () => {
    const names = new Set((await outbox.checkpoints.list()).map(({ name }) => name))
    return ['consumer mailing 1 4/0', 'projection sales 1'].every((name) => names.has(name))
  })
  await outbox.upkeep()
  assert.deepEqual(lines.objects().flatMap(({ readers }) => readers ?? []).toSorted(), gone)

  await sold.emit(data, { id: 'a' })
  await work.drain(5_000)
  for (const { name } of await outbox.checkpoints.list())
    if (!gone.includes(name)) await outbox.checkpoints.remove(name)
  const pool = outbox.pool
  for (let turn = 0; turn < 8; turn++) {
    await pool.query(
      `UPDATE teahouse.plimsoll_outbox_segment
        SET opened_at = opened_at - interval '1 h', closed_at = closed_at - interval '1 h'`
    )
    await pool.query(
      `UPDATE teahouse.plimsoll_outbox_reader SET saved_at = now() - interval '3 h' WHERE name = ANY ($1)`,
      [gone]
    )
    await outbox.upkeep()
  }
  assert.deepEqual(lines.objects().flatMap(({ reader }) => reader ?? []).toSorted(), gone)
})
