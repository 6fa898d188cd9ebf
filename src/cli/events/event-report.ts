import type { HeldKey } from '../../work/consumers/index.ts'
import type { AuditEntry, EventPlaces } from '../../work/events-desk/index.ts'
import { type EventMessage, formatPosition } from '../../work/events/index.ts'
import type { ParkedEvent } from '../../work/outbox/index.ts'
import { columns } from '../columns.ts'
import type { Paint } from '../paint.ts'
import { age, firstLine, indented, lines, time } from '../report-text.ts'
import { readerName } from './report.ts'

/** A parked event, and whose it is. */
export interface ParkedOf extends ParkedEvent {
  readonly relay: string
}

/** A held key, and whose it is. */
export interface HeldOf extends HeldKey {
  readonly consumer: string
}

export function parkedAsText (
  parked: readonly ParkedOf[],
  isAll: boolean,
  paint: Paint,
  nowMs: number
): string {
  if (parked.length === 0) return `${paint('green', 'Nothing is parked.')}\n`
  const head = ['relay', 'event', 'type', 'aggregate', 'tries', 'parked', 'broker says']
  const rows = parked.map(({ relay, message, attempts, parkedAtMs, error }) => [
    relay,
    message.id,
    message.type,
    `${message.aggregateType} ${message.key}`,
    String(attempts),
    `${age(nowMs - parkedAtMs)} ago`,
    firstLine(error ?? ''),
  ])
  return lines([
    ...columns([head, ...rows], [4]),
    ...(isAll ? [] : ['', paint('dim', 'There are more: --limit')]),
  ])
}

export function heldAsText (
  held: readonly HeldOf[],
  next: string | undefined,
  paint: Paint,
  nowMs: number
): string {
  if (held.length === 0) return `${paint('green', 'No key is held.')}\n`
  const head = ['consumer', 'key', 'state', 'events', 'tries', 'since', 'event', 'type', 'error']
  const rows = held.map(({ consumer, key, state, events, attempts, heldSinceMs, oldest, failure }) => [
    consumer,
    key,
    paint(state === 'dead' ? 'red' : 'yellow', state),
    String(events),
    String(attempts),
    `${age(nowMs - heldSinceMs)} ago`,
    oldest.id,
    oldest.type,
    `${failure.name}: ${firstLine(failure.message)}`,
  ])
  const more = next === undefined ? [] : ['', paint('dim', `There are more: ${next}`)]
  return lines([...columns([head, ...rows], [3, 4]), ...more])
}

export function eventAsText (
  places: EventPlaces,
  audit: readonly AuditEntry[],
  paint: Paint,
  nowMs: number
): string {
  const { message, logged, readable } = places
  const { id, type, version, aggregateType, key, payload, headers, occurredAtMs, position } = message
  const state = !logged ?
    'dropped; a copy is kept' :
    readable ?
    'can be read' :
    paint('yellow', 'waits for an older transaction: plimsoll events status')
  const readers = readerRows(places, paint)
  return lines([
    `${paint('bold', type)} v${version} ${id}`,
    ...columns([
      ['  aggregate', `${aggregateType} ${key}`],
      ...(position === undefined ? [] : [['  position', formatPosition(position)]]),
      ['  written', `${time(occurredAtMs)} (${age(nowMs - occurredAtMs)} ago)`],
      ['  log', state],
    ]),
    '',
    paint('bold', 'Payload'),
    ...indented(JSON.stringify(exactJson(payload), null, 2)),
    ...(Object.keys(headers).length === 0 ?
      [] :
      [
        '',
        paint('bold', 'Headers'),
        ...columns(Object.entries(headers).map(([name, value]) => [`  ${name}`, value])),
      ]),
    ...(readers.length === 0 ? [] : ['', paint('bold', 'Readers'), ...columns(readers)]),
    ...(audit.length === 0 ? [] : ['', paint('bold', 'History'), ...audit.map(auditLine)]),
  ])
}

/** For machines. Numbers in the payload stay as they were written, however long they are. */
export function messageAsData ({ payload, position, ...message }: EventMessage): object {
  return {
    ...message,
    ...(position === undefined ? {} : { position: formatPosition(position) }),
    payload: exactJson(payload),
  }
}

export function placesAsData (places: EventPlaces, audit: readonly AuditEntry[]): object {
  const { message, logged, readable, readers, parked, held, taken } = places
  return {
    event: messageAsData(message),
    logged,
    readable,
    readers,
    parked: parked.map(({ relay, error, attempts }) => ({ relay, error, attempts })),
    held: held.map(({ consumer, key, dead, before }) => ({ consumer, key, dead, before })),
    taken,
    history: audit,
  }
}

export function historyAsText (audit: readonly AuditEntry[]): string {
  return audit.length === 0 ? 'Nothing has been changed by hand.\n' : lines(audit.map(auditLine))
}

function readerRows ({ readers, parked, held, taken }: EventPlaces, paint: Paint): string[][] {
  const names = [
    ...new Set([
      ...readers.map(readerName),
      ...parked.map(({ relay }) => `relay ${relay}`),
      ...[...taken, ...held.map(({ consumer }) => consumer)].map((name) => `consumer ${name}`),
    ]),
  ]
  return names.map((name) => {
    const aside = parked.find(({ relay }) => name === `relay ${relay}`)
    if (aside !== undefined) {
      return [
        `  ${name}`,
        aside.error === undefined ?
          paint('yellow', 'parked, to be tried') :
          paint('red', `parked: ${firstLine(aside.error)}`),
      ]
    }
    const kept = held.find(({ consumer }) => name === `consumer ${consumer}`)
    if (kept !== undefined) {
      return [
        `  ${name}`,
        kept.before > 0 ?
          paint('yellow', `held behind ${kept.before} of its key`) :
          paint(kept.dead ? 'red' : 'yellow', kept.dead ? 'held: a dead letter' : 'held: to be tried again'),
      ]
    }
    if (taken.some((consumer) => name === `consumer ${consumer}`)) return [`  ${name}`, 'done']
    const isPassed = readers.some((reader) => reader.passed && name === readerName(reader))
    return [`  ${name}`, isPassed ? 'passed' : 'not yet']
  })
}

function auditLine ({ atMs, action, reader, subject = 'all', actor, reason, outcome }: AuditEntry): string {
  return `  ${time(atMs)}  ${action} ${reader} ${subject} by ${actor} (${reason}): ${
    outcome ?? 'outcome unknown'
  }`
}

/** What TypeScript does not know of JSON yet. */
const json = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown
  ): unknown
  rawJSON(text: string): unknown
}

/** A number that JavaScript would round is handed on by its digits. */
export function exactJson (text: string): unknown {
  return json.parse(text, (_key, value, { source }) => {
    const isRounded = typeof value === 'number' && source !== undefined && String(value) !== source
    return isRounded ? json.rawJSON(source) : value
  })
}
