import { type EventMessage, formatPosition, parsePosition } from '../events/index.ts'

/** What travels beside the payload, under names that no header of a user has. */
const names = {
  id: 'plimsoll-id',
  type: 'plimsoll-type',
  version: 'plimsoll-version',
  aggregateType: 'plimsoll-aggregate',
  key: 'plimsoll-key',
  occurredAtMs: 'plimsoll-at',
  position: 'plimsoll-position',
} as const
const own: ReadonlySet<string> = new Set(Object.values(names))

/** The headers under which a message travels over a broker; its payload is the body, as it was emitted. */
export function headersFor (message: EventMessage): readonly (readonly [string, string])[] {
  const { id, type, version, aggregateType, key, occurredAtMs, position, headers } = message
  return [
    [names.id, id],
    [names.type, type],
    [names.version, String(version)],
    [names.aggregateType, aggregateType],
    [names.key, key],
    [names.occurredAtMs, String(occurredAtMs)],
    ...(position === undefined ? [] : [[names.position, formatPosition(position)] as const]),
    ...Object.entries(headers),
  ]
}

/** What a broker says of a message that Plimsoll has not published: it is read as well as it can be. */
export interface Stranger {
  /** The same whenever the message comes. */
  readonly id: string
  readonly type: string
  readonly key: string
  readonly atMs: number
}

/** The message that travelled under these headers. */
export function readEnvelope (
  headers: ReadonlyMap<string, string>,
  payload: string,
  stranger: Stranger
): EventMessage {
  const position = parsePosition(headers.get(names.position) ?? '')
  return {
    id: headers.get(names.id) ?? stranger.id,
    type: headers.get(names.type) ?? stranger.type,
    version: wholeNumber(headers.get(names.version)) ?? 1,
    aggregateType: headers.get(names.aggregateType) ?? '',
    key: headers.get(names.key) ?? stranger.key,
    payload,
    headers: Object.fromEntries([...headers].filter(([name]) => !own.has(name))),
    occurredAtMs: wholeNumber(headers.get(names.occurredAtMs)) ?? stranger.atMs,
    ...(position === undefined ? {} : { position }),
  }
}

function wholeNumber (text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined
}
