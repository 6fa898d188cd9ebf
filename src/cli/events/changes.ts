import { MetricsRegistry } from '../../telemetry/index.ts'
import { logSource, openConsumers, ReplayUnsupportedError } from '../../work/consumers/index.ts'
import type { EventChange } from '../../work/events-desk/index.ts'
import { comparePositions, formatPosition } from '../../work/events/index.ts'
import { openLeases } from '../../work/lease/index.ts'
import { LogTruncatedError, ParkedEvents } from '../../work/outbox/index.ts'
import type { EventsAccess } from './access.ts'
import type { Reader, ReplayRequest, SettleRequest } from './arguments.ts'
import { NoSuchReaderError, PositionAheadError } from './errors.ts'

/** What became of one parked event, or one key. */
export interface Settled {
  /** The event's id, or the key; 'all' for all of a consumer. */
  readonly which: string
  readonly isDone: boolean
  readonly outcome: string
}

/** @throws NoSuchReaderError for one that has never run */
export async function checkReader ({ kind, name }: Reader, { desk }: EventsAccess): Promise<void> {
  const readers = kind === 'relay' ? await desk.relays() : await desk.consumers()
  const known = namesOf(readers)
  if (!known.includes(name)) throw new NoSuchReaderError(kind, name, known, 'database')
}

/** Has what was set aside tried again, or gives it up; each by itself. @throws NoSuchReaderError */
export async function settleAside (
  request: SettleRequest,
  access: EventsAccess
): Promise<readonly Settled[]> {
  const { action, reader, operator } = request
  await checkReader(reader, access)
  await access.desk.audit.prepare()
  const change = { ...operator, action, reader: `${reader.kind} ${reader.name}` }
  return await (reader.kind === 'relay' ? settleParked : settleHeld)(request, change, access)
}

/** Parked events that are redriven by one command at most. */
const mostParked = 10_000
const again = 'is tried again'
const gone = 'nothing: it was gone'

type Change = Omit<EventChange, 'subject' | 'event'>

async function settleParked (
  { action, reader, which }: SettleRequest,
  change: Change,
  { desk, outbox }: EventsAccess
): Promise<readonly Settled[]> {
  const parked = new ParkedEvents(outbox, reader.name)
  const ids = which === 'all' ? (await parked.list(mostParked)).map(({ message }) => message.id) : which
  return await inTurn(ids, 'is no dead letter of the relay', async (id) => {
    const own = (await desk.parked(id)).find(({ relay }) => relay === reader.name)
    if (own?.error === undefined) return undefined
    const [outcome, event] = action === 'redrive' ? [again, undefined] : ['discarded', own.message]
    const isDone = await desk.audit.during(
      { ...change, subject: id, event },
      () => action === 'redrive' ? parked.release(id) : parked.discard(id),
      (is) => is ? outcome : gone
    )
    return isDone ? outcome : undefined
  })
}

async function settleHeld (
  { action, reader, which }: SettleRequest,
  change: Change,
  { desk: { audit, held } }: EventsAccess
): Promise<readonly Settled[]> {
  if (which === 'all') {
    const told = (keys: number): string => `${keys === 1 ? '1 key is' : `${keys} keys are`} tried again`
    const count = await audit.during(
      { ...change, subject: undefined },
      () => held.redrive(reader.name),
      told
    )
    return [{ which, isDone: true, outcome: told(count) }]
  }
  return await inTurn(which, 'has no dead letter', async (key) => {
    const [own] = await held.list(reader.name, { key })
    if (own?.state !== 'dead') return undefined
    if (action === 'redrive') {
      const redrive = (): Promise<number> => held.redrive(reader.name, key)
      const count = await audit.during(
        { ...change, subject: key },
        redrive,
        (keys) => keys > 0 ? again : gone
      )
      return count > 0 ? again : undefined
    }
    const given = await audit.during(
      { ...change, subject: key, event: own.oldest },
      () => held.discard(reader.name, key),
      (event) => event === undefined ? gone : `discarded ${event.id}`
    )
    return given && `${given.type} ${given.id} discarded; what is behind it is tried`
  })
}

/** @param work what became of it; `undefined`: there was nothing to do, as `otherwise` says */
async function inTurn (
  which: readonly string[],
  otherwise: string,
  work: (each: string) => Promise<string | undefined>
): Promise<readonly Settled[]> {
  const settled: Settled[] = []
  for (const each of which) {
    const outcome = await work(each)
    settled.push({ which: each, isDone: outcome !== undefined, outcome: outcome ?? otherwise })
  }
  return settled
}

/**
 * Has a consumer of the service handle events again.
 *
 * @throws NoSuchReaderError, ReplayUnsupportedError, LogTruncatedError, PositionAheadError
 */
export async function replay (
  { consumer: name, from, operator }: ReplayRequest,
  { pool, schema, outbox, desk, service }: EventsAccess
): Promise<void> {
  const consumer = service?.consumers?.find((each) => each.name === name)
  if (consumer === undefined)
    throw new NoSuchReaderError('consumer', name, namesOf(service?.consumers), 'service')
  if (consumer.source !== 'log') throw new ReplayUnsupportedError(name, consumer.source)
  if (from !== 'beginning') {
    const [head, tail] = await Promise.all([outbox.head(), outbox.tail()])
    if (tail !== undefined && comparePositions(from, tail) < 0) throw new LogTruncatedError(from, tail)
    if (comparePositions(from, head) > 0)
      throw new PositionAheadError(formatPosition(from), formatPosition(head))
  }
  await using leases = await openLeases({ pool, schema })
  const log = logSource({ log: outbox, pool, leases, schema })
  const registry = new MetricsRegistry()
  await using consumers = await openConsumers({
    pool,
    schema,
    consumers: [consumer],
    sources: { log },
    registry,
  })
  await desk.audit.prepare()
  await desk.audit.during(
    {
      ...operator,
      action: 'replay',
      reader: `consumer ${name}`,
      subject: from === 'beginning' ? from : formatPosition(from),
    },
    () => consumers.replay(name, from),
    () => 'begun'
  )
}

function namesOf (definitions: readonly { readonly name: string }[] = []): readonly string[] {
  return definitions.map(({ name }) => name)
}
