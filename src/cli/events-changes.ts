import { MetricsRegistry } from '../telemetry/index.ts'
import { logSource, openConsumers, ReplayUnsupportedError } from '../work/consumers/index.ts'
import { comparePositions, formatPosition } from '../work/events/index.ts'
import { openLeases } from '../work/lease/index.ts'
import { LogTruncatedError, ParkedEvents } from '../work/outbox/index.ts'
import type { EventsAccess } from './events-access.ts'
import type { Reader, ReplayRequest, SettleRequest } from './events-arguments.ts'
import { NoSuchReaderError, PositionAheadError } from './events-errors.ts'

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

/** Has what was set aside tried again, or gives it up; each by itself. */
export async function settleAside (
  { action, reader, which, operator }: SettleRequest,
  access: EventsAccess
): Promise<readonly Settled[]> {
  await checkReader(reader, access)
  const { desk, outbox } = access
  await desk.audit.prepare()
  const change = { ...operator, action, reader: `${reader.kind} ${reader.name}` }
  if (reader.kind === 'relay') {
    const parked = new ParkedEvents(outbox, reader.name)
    const ids = which === 'all' ? (await parked.list(mostParked)).map(({ message }) => message.id) : which
    return await inTurn(ids, async (id) => {
      const own = (await desk.parked(id)).find(({ relay }) => relay === reader.name)
      if (own === undefined) return undefined
      const event = action === 'discard' ? own.message : undefined
      const settle = (): Promise<boolean> => action === 'redrive' ? parked.release(id) : parked.discard(id)
      const done = action === 'redrive' ? 'is tried again' : 'discarded'
      const isDone = await desk.audit.during(
        { ...change, subject: id, event },
        settle,
        (is) => is ? done : nothing
      )
      return isDone ? done : undefined
    }, 'is no dead letter of the relay')
  }
  if (which === 'all') {
    const count = await desk.audit.during(
      { ...change, subject: undefined },
      () => desk.held.redrive(reader.name),
      (keys) => `${keys} keys are tried again`
    )
    return [{ which, isDone: true, outcome: `${count === 1 ? '1 key is' : `${count} keys are`} tried again` }]
  }
  return await inTurn(which, async (key) => {
    const [own] = await desk.held.list(reader.name, { key })
    if (own?.state !== 'dead') return undefined
    const keyed = { ...change, subject: key }
    if (action === 'redrive') {
      const done = 'is tried again'
      const count = await desk.audit.during(
        keyed,
        () => desk.held.redrive(reader.name, key),
        (keys) => keys > 0 ? done : nothing
      )
      return count > 0 ? done : undefined
    }
    const given = await desk.audit.during(
      { ...keyed, event: own.oldest },
      () => desk.held.discard(reader.name, key),
      (message) => message === undefined ? nothing : `discarded ${message.id}`
    )
    return given && `${given.type} ${given.id} discarded; what is behind it is tried`
  }, 'has no dead letter')
}

/** Parked events that are redriven by one command at most. */
const mostParked = 10_000
const nothing = 'nothing: it was gone'

/** @param work what became of it; `undefined`: there was nothing to do, as `otherwise` says */
async function inTurn (
  which: readonly string[],
  work: (each: string) => Promise<string | undefined>,
  otherwise: string
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
