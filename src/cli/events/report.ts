import type { ConsumerRecord, LogReaderState, LogSpan, RelayRecord } from '../../work/events-desk/index.ts'
import { formatPosition } from '../../work/events/index.ts'
import type { Stall } from '../../work/outbox/index.ts'
import { columns } from '../columns.ts'
import type { Paint } from '../paint.ts'
import { age, amount, firstLine, lines, time } from '../report-text.ts'
import type { ProjectionBuild } from './projections.ts'

/** How the events of a service stand. */
export interface EventsStatus {
  readonly nowMs: number
  readonly log: LogSpan
  readonly stall: Stall | undefined
  readonly readers: readonly LogReaderState[]
  readonly relays: readonly RelayRecord[]
  readonly consumers: readonly ConsumerRecord[]
  readonly projections: readonly ProjectionBuild[]
}

/** Of a reader that is so far behind, and has not been heard of for so long, nobody seems to work on it. */
const quietMs = 60_000

export function statusAsText (status: EventsStatus, paint: Paint): string {
  const { log, stall, nowMs } = status
  const rows = readerRows(status, paint)
  return lines([
    paint('bold', 'Log'),
    ...columns([
      ['  head', formatPosition(log.head)],
      ['  tail', log.tail === undefined ? 'whole: nothing has been dropped' : formatPosition(log.tail)],
      ['  kept', keptAsText(log, nowMs)],
      ['  stall', stallAsText(stall, paint)],
    ]),
    '',
    ...(rows.length === 0 ?
      ['Nobody reads the log.'] :
      columns([['reader', 'lag', 'place', 'saved', ''], ...rows], [1])),
  ])
}

/** For machines: places as text, times as epoch milliseconds. */
export function statusAsData (status: EventsStatus): object {
  const { log, stall, readers, relays, consumers, projections } = status
  const reader = (kind: string, name: string): object => {
    const found = readers.find((each) => each.kind === kind && each.name === name)
    return found === undefined ? {} : place(found)
  }
  return {
    log: {
      head: formatPosition(log.head),
      tail: log.tail && formatPosition(log.tail),
      oldestAtMs: log.oldestAtMs,
      latestAtMs: log.latestAtMs,
    },
    stall: stall ?? null,
    relays: relays.map((relay) => ({ ...relay, ...reader('relay', relay.name) })),
    consumers: consumers.map((consumer) => ({ ...consumer, ...reader('consumer', consumer.name) })),
    projections: projections.map(buildAsData),
    others: others(status).map((other) => ({ name: readerName(other), ...place(other) })),
  }
}

function place ({ parts, position, lagMs, savedAtMs }: LogReaderState): object {
  return { parts, position: formatPosition(position), lagMs, isTruncated: lagMs === undefined, savedAtMs }
}

export function buildAsData ({ position, ...build }: ProjectionBuild): object {
  return { ...build, position: formatPosition(position) }
}

export function projectionsAsText (
  builds: readonly ProjectionBuild[],
  missing: readonly string[],
  paint: Paint
): string {
  if (builds.length === 0 && missing.length === 0) return 'No projection has been built.\n'
  const head = ['projection', 'build', 'version', 'state', 'lag', 'events', 'place', '']
  const rows = builds.map((build) => [
    build.projection,
    String(build.build),
    String(build.version),
    stateAsText(build.state, paint),
    lagAsText(build.lagMs, paint),
    String(build.events),
    formatPosition(build.position),
    buildRemark(build, paint),
  ])
  const none = missing.map((name) => [name, '-', '-', '-', '-', '-', '-', 'has not been built'])
  return lines(columns([head, ...rows, ...none], [1, 2, 4, 5]))
}

function readerRows (status: EventsStatus, paint: Paint): readonly (readonly string[])[] {
  const { readers, relays, consumers, projections } = status
  const find = (kind: string, name: string): LogReaderState | undefined =>
    readers.find((reader) => reader.kind === kind && reader.name === name)
  return [
    ...relays.map((relay) => relayRow(relay, find('relay', relay.name), status, paint)),
    ...consumers.map((consumer) => consumerRow(consumer, find('consumer', consumer.name), status, paint)),
    ...projections.map((build) => [
      `projection ${build.projection}`,
      lagAsText(build.lagMs, paint),
      formatPosition(build.position),
      '',
      [`build ${build.build} ${build.state}`, buildRemark(build, paint)].filter(Boolean).join('; '),
    ]),
    ...others(status).map((reader) => row(readerName(reader), reader, [], status, paint)),
  ]
}

function relayRow (
  { name, processes, parkedKeys, parkedEvents }: RelayRecord,
  reader: LogReaderState | undefined,
  status: EventsStatus,
  paint: Paint
): readonly string[] {
  const parked = parkedEvents === 0 ?
    [] :
    [
      paint(
        parkedKeys > 0 ? 'yellow' : 'dim',
        `${amount(parkedEvents, 'event')} parked, ${amount(parkedKeys, 'key')} ${
          parkedKeys === 1 ? 'stands' : 'stand'
        } still: plimsoll events parked --relay ${name}`
      ),
    ]
  const workers = processes === 0 ?
    paint('red', 'no process runs it') :
    processes === 1 ?
    '1 process' :
    `${processes} processes`
  return row(`relay ${name}`, reader, [workers, ...parked], status, paint)
}

function consumerRow (
  { name, deadKeys, retryingKeys }: ConsumerRecord,
  reader: LogReaderState | undefined,
  status: EventsStatus,
  paint: Paint
): readonly string[] {
  const held = deadKeys + retryingKeys === 0 ?
    [] :
    [
      paint(
        deadKeys > 0 ? 'yellow' : 'dim',
        `${amount(deadKeys, 'key')} dead, ${retryingKeys} retrying: plimsoll events held --consumer ${name}`
      ),
    ]
  const source = reader === undefined ? ['reads no log: its broker knows its lag'] : []
  return row(`consumer ${name}`, reader, [...source, ...held], status, paint)
}

/** A projection's has its build: each is a reader of its own. */
export function readerName ({ kind, name, build }: Pick<LogReaderState, 'kind' | 'name' | 'build'>): string {
  return `${kind === 'other' ? '' : `${kind} `}${name}${build === undefined ? '' : ` build ${build}`}`
}

function row (
  name: string,
  reader: LogReaderState | undefined,
  remarks: readonly string[],
  { nowMs }: EventsStatus,
  paint: Paint
): readonly string[] {
  if (reader === undefined) return [name, '-', '-', '-', remarks.join('; ')]
  const { lagMs, position, savedAtMs } = reader
  const isQuiet = (lagMs ?? Infinity) > quietMs && nowMs - savedAtMs > quietMs
  const all = [...remarks, ...(isQuiet ? [paint('red', 'does anybody work on it?')] : [])]
  return [
    name,
    lagAsText(lagMs, paint),
    formatPosition(position),
    `${age(nowMs - savedAtMs)} ago`,
    all.join('; '),
  ]
}

/** Readers of programs of their own, and checkpoints that were left behind: these, too, keep the log from being dropped. */
function others ({ readers, relays, consumers, projections }: EventsStatus): readonly LogReaderState[] {
  return readers.filter(({ kind, name, build }) =>
    kind === 'relay' ?
      relays.every((relay) => relay.name !== name) :
      kind === 'consumer' ?
      consumers.every((consumer) => consumer.name !== name) :
      kind === 'other' ||
      projections.every((known) => known.projection !== name || known.build !== build)
  )
}

function buildRemark (
  { state, difference, failure, lagMs, objectiveMs }: ProjectionBuild,
  paint: Paint
): string {
  const isLate = state === 'live' && objectiveMs !== undefined && (lagMs ?? Infinity) > objectiveMs
  return [
    ...(failure === undefined ?
      [] :
      [paint('red', `stuck at event ${failure.event} (${failure.type}): ${firstLine(failure.message)}`)]),
    ...(state === 'refused' ? [`differs by ${amount(difference ?? 0, 'row')}`] : []),
    ...(isLate ? [paint('red', `late: it promises ${age(objectiveMs)}`)] : []),
  ].join('; ')
}

function stateAsText (state: ProjectionBuild['state'], paint: Paint): string {
  return state === 'live' ? paint('green', state) : state === 'refused' ? paint('red', state) : state
}

function lagAsText (lagMs: number | undefined, paint: Paint): string {
  if (lagMs === undefined) return paint('red', 'dropped')
  return lagMs === 0 ? '-' : lagMs < 1_000 ? '<1s' : age(lagMs)
}

function keptAsText ({ oldestAtMs, latestAtMs }: LogSpan, nowMs: number): string {
  if (oldestAtMs === undefined || latestAtMs === undefined) return 'no event'
  return `from ${time(oldestAtMs)} to ${time(latestAtMs)} (${age(nowMs - latestAtMs)} ago)`
}

function stallAsText (stall: Stall | undefined, paint: Paint): string {
  if (stall === undefined || stall.held === 0) return 'none'
  const { pid, held, ageMs, state, user, application, query } = stall
  const who = pid === undefined ?
    `the prepared transaction ${query} of ${user}` :
    `process ${pid} (${[user, application, state].filter(Boolean).join(', ')})`
  const ran = pid === undefined || query === '' ? '' : `; it runs: ${firstLine(query)}`
  const events = `${amount(held, 'event')} ${held === 1 ? 'waits' : 'wait'}`
  return paint('red', `${events} for ${who}, whose transaction is open for ${age(ageMs)}${ran}`)
}
