import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { InterruptedError } from '../errors.ts'
import {
  builders,
  command,
  database,
  events,
  invoices,
  outbox,
  plain,
  pool,
  publisher,
  read,
  sell,
  told,
  why,
} from './events.fixture.ts'

test('what a broker does not take is listed, redriven when it would, or discarded; the audit keeps it', async () => {
  publisher.refuse = ({ key }) => key.startsWith('heavy') ? 'never' : undefined
  const [one, two] = [await sell('heavy-1'), await sell('heavy-2')]
  const parked = async () =>
    (await told('parked', '--relay', 'broker')).parked.map(({ event }: { event: { id: string } }) => event.id)
  await waitUntil(
    'both are parked',
    async () => (await parked()).includes(one) && (await parked()).includes(two)
  )
  const behind = await sell('heavy-2', 2)
  await waitUntil('one is behind', async () => (await told('status')).relays[0].parkedEvents === 3)
  assert.match(
    (await plain('redrive', '--relay', 'broker', behind, ...why)).stdout,
    /is no dead letter of the relay/
  )
  assert.deepEqual((await told('history')).history, [])
  const list = await plain('parked')
  assert.match(list.stdout, /^relay +event +type +aggregate +tries +parked +broker says$/m)
  assert.match(
    list.stdout,
    new RegExp(`^broker +${one} +product\\.sold +product heavy-1 +1 +\\d+s ago +refused: never$`, 'm')
  )
  assert.match((await plain('parked', '--limit', '1')).stdout, /There are more/)
  publisher.refuse = () => undefined
  const redriven = await plain('redrive', '--relay', 'broker', one, ...why)
  assert.deepEqual([redriven.exitCode, redriven.stdout], [0, `${one} is tried again\n`], redriven.stderr)
  await waitUntil('it is published', () => publisher.taken.some(({ id }) => id === one))
  assert.ok(publisher.taken.every(({ id }) => id !== two))
  const discarded = await plain('discard', '--relay', 'broker', two, one, ...why)
  assert.equal(discarded.exitCode, 1)
  assert.equal(discarded.stdout, `${two} discarded\n${one} is no dead letter of the relay\n`)
  const { history: [entry] } = await told('history', '--limit', '1')
  assert.deepEqual([entry.action, entry.reader, entry.subject, entry.actor, entry.reason, entry.outcome], [
    'discard',
    'relay broker',
    two,
    'ann',
    'ticket 12',
    'discarded',
  ])
  assert.equal(entry.event.payload, '{"product":"heavy-2","count":1}')
  assert.match(
    (await plain('show', two)).stdout,
    /History\n.* discard relay broker .* by ann \(ticket 12\): discarded$/m
  )
  const { history } = await told('show', two)
  assert.deepEqual(history.map(({ subject }: { subject: string }) => subject), [two])
  const all = await plain('redrive', '--relay', 'broker', '--all', ...why)
  assert.equal(all.exitCode, 0, all.stderr)
  await waitUntil('nothing is parked', async () => (await parked()).length === 0)
  assert.equal((await plain('redrive', '--relay', 'broker', '--all', ...why)).stdout, 'Nothing is parked.\n')
  assert.equal((await plain('parked')).stdout, 'Nothing is parked.\n')
})

test('keys that a consumer holds are listed, redriven and discarded, each only when it is named', async () => {
  await sell('bad', 1)
  const first = await sell('bad', 2)
  const held = async () => (await told('held', '--consumer', 'billing')).held
  await waitUntil('both wait', async () => (await held())[0]?.events === 2)
  const [{ key, oldest, state, failure }] = await held()
  assert.deepEqual([key, state, failure.message], ['7:productbad', 'dead', 'no price'])
  assert.match(
    (await plain('held')).stdout,
    /^billing +7:productbad +dead +2 +1 +\d+s ago +\S+ +product\.sold +Error: no price$/m
  )
  assert.equal((await plain('held', '--consumer', 'billing', '--after', '9')).stdout, 'No key is held.\n')
  assert.match((await plain('show', first)).stdout, /^ {2}consumer billing +held behind 1 of its key$/m)
  assert.match((await plain('show', oldest.id)).stdout, /^ {2}consumer billing +held: a dead letter$/m)
  const other = await sell('bad-2')
  await waitUntil('another key waits', async () => (await held()).length === 2)
  const page = await plain('held', '--limit', '1')
  assert.match(page.stdout, /There are more: --consumer billing --after '7:productbad'$/m)
  const { held: [next], more } = await told('held', '--consumer', 'billing', '--after', key, '--limit', '1')
  assert.deepEqual([next.oldest.id, more], [other, undefined])
  const discarded = await plain('discard', '--consumer', 'billing', key, ...why)
  assert.equal(discarded.exitCode, 0, discarded.stderr)
  assert.match(discarded.stdout, new RegExp(`^7:productbad product.sold ${oldest.id} discarded`))
  await waitUntil('the next one is dead', async () => (await held())[0]?.state === 'dead')
  const { history: [entry] } = await told('history')
  assert.deepEqual([entry.subject, entry.outcome, entry.event.id], [key, `discarded ${oldest.id}`, oldest.id])
  await pool.query('insert into shop.mended default values')
  const wrong = await plain('redrive', '--consumer', 'billing', '7:productgood', ...why)
  assert.deepEqual([wrong.exitCode, wrong.stdout], [1, '7:productgood has no dead letter\n'])
  assert.notEqual((await told('history', '--limit', '1')).history[0].subject, '7:productgood')
  assert.equal(await invoices('bad'), 0)
  assert.equal(
    (await plain('redrive', '--consumer', 'billing', '--all', ...why)).stdout,
    '2 keys are tried again\n'
  )
  await waitUntil('it is billed', async () => await invoices('bad') === 1)
  assert.equal((await plain('held')).stdout, 'No key is held.\n')
  assert.match((await plain('show', first)).stdout, /^ {2}consumer billing +done$/m)
})

test('a replay has a consumer handle again what came after a place, or all', async () => {
  await sell('again', 1)
  const id = await sell('again', 2)
  await waitUntil('both are billed', async () => await invoices('again') === 2)
  const { event: { position } } = await told('show', id)
  await sell('again', 3)
  await waitUntil('all are billed', async () => await invoices('again') === 3)
  const after = await events('replay', 'billing', '--from', position, ...why)
  assert.equal(after.exitCode, 0, after.stderr)
  await waitUntil('one comes again', async () => await invoices('again') === 4)
  await read()
  assert.equal(await invoices('again'), 4)
  assert.equal((await events('replay', 'billing', '--from', 'beginning', ...why)).exitCode, 0)
  await waitUntil('all come again', async () => await invoices('again') === 7)
  const { history } = await told('history', '--limit', '2')
  assert.deepEqual(history.map(({ subject, outcome }: Record<string, string>) => `${subject} ${outcome}`), [
    'beginning begun',
    `${position} begun`,
  ])
  const ahead = await events('replay', 'billing', '--from', '9.1.1', ...why)
  assert.equal(ahead.exitCode, 1)
  assert.match(ahead.stderr, /has not reached 9\.1\.1: it can be read up to 1\./)
  const broker = await events('replay', 'mails', '--from', 'beginning', ...why)
  assert.equal(broker.exitCode, 1)
  assert.match(broker.stderr, /mails cannot be replayed: its source, nats/)
})

test('what the log has dropped is told: of a reader, of a replay, and of a rebuild, whose failure is noted', async () => {
  const tail = 'update shop.plimsoll_outbox_state set (tail_epoch, tail_xid, tail_position)'
  await outbox.checkpoints.open('report 7', 'start')
  await pool.query(`${tail} = row (1, 7, 7)`)
  try {
    assert.match((await plain('status')).stdout, /^ {2}tail +1\.7\.7\n[^]*^report 7 +dropped +0\.0\.0 /m)
    const { others: [report] } = await told('status')
    assert.deepEqual([report.isTruncated, report.lagMs], [true, undefined])
    const replayed = await events('replay', 'billing', '--from', '1.7.6', ...why)
    assert.equal(replayed.exitCode, 1)
    assert.match(
      replayed.stderr,
      /events after 1\.7\.6 are asked for, and those up to 1\.7\.7 have been dropped/
    )
    const rebuilt = await events('rebuild', 'best-sellers', ...why, '--json')
    assert.equal(rebuilt.exitCode, 1)
    assert.equal(JSON.parse(rebuilt.stderr).code, 'PROJECTION_LOG_CUT')
    const { history: [entry] } = await told('history')
    assert.match(entry.outcome, /^failed: the projection best-sellers cannot be built/)
  } finally {
    await pool.query(`${tail} = row (null, null, null)`)
    await outbox.checkpoints.remove('report 7')
  }
})

test('a rebuild is waited for; one that differs is refused with its rows, until that is accepted', async () => {
  await sell('book', 5)
  await read()
  const rebuilt = await events('rebuild', 'best-sellers', ...why)
  assert.equal(rebuilt.exitCode, 0, rebuilt.stderr)
  assert.match(
    rebuilt.stdout,
    /^build 2 of best-sellers \(version 1\) is live: \d+ events in [\d.]+ s; 0 rows differed\n$/
  )
  await pool.query(`update shop.best_seller set sold = 99 where product = 'book'`)
  const refused = await events('rebuild', 'best-sellers', ...why)
  assert.equal(refused.exitCode, 1)
  assert.match(
    refused.stdout,
    /^refused: the new build of best-sellers differs by 2 rows\n {2}best_seller\n[^]*99/
  )
  const listed = await plain('projections')
  assert.match(
    listed.stdout,
    /^best-sellers +2 +1 +live +- .*\nbest-sellers +3 +1 +refused .*differs by 2 rows$/m
  )
  const again = await events('rebuild', 'best-sellers', '--accept-difference', ...why, '--json')
  assert.equal(again.exitCode, 0, again.stderr)
  const { state, difference } = JSON.parse(again.stdout)
  assert.deepEqual([state, difference], ['live', 2])
  const { rows: [row] } = await pool.query(`select sold from shop.best_seller where product = 'book'`)
  assert.equal(row.sold, '5')
  const { history } = await told('history', '--limit', '3')
  assert.deepEqual(history.map(({ outcome }: Record<string, string>) => outcome), [
    'build 3 is live',
    'refused: it differs by 2 rows',
    'build 2 is live',
  ])
})

test('a rebuild that nobody works on is told as it stands; Ctrl-C ends the waiting with 130, and the build stays', async () => {
  await builders.close()
  const interruption = new AbortController()
  const { exitCode, stdout, stderr } = await command(
    ['events', 'rebuild', 'best-sellers', ...why, '--module', 'service.mjs', '--database-url', database.url],
    {
      interruption,
      hear: (text) => text.startsWith('build ') && interruption.abort(new InterruptedError()),
    }
  )
  assert.equal(exitCode, 130)
  assert.match(stderr, /^build \d+: 0 events, \d+s behind$/m)
  assert.match(stdout, /^interrupted: the workers go on building best-sellers/)
  const { history: [entry] } = await told('history')
  assert.equal(entry.outcome, 'nobody waited for its end')
  assert.match((await plain('projections')).stdout, /^best-sellers +\d+ +1 +building /m)
})
