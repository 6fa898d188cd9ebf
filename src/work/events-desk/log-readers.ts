import type { LogPosition } from '../events/index.ts'
import { comparePositions } from '../events/index.ts'
import { type LogCheckpoint, type LogShard, LogTruncatedError, type Outbox } from '../outbox/index.ts'

export type ReaderKind = 'relay' | 'consumer' | 'projection' | 'other'

/** A checkpoint of the log, and whose it is. */
export interface ReaderPart {
  readonly kind: ReaderKind
  readonly name: string
  /** Of a projection. */
  readonly build: number | undefined
  /** Of a consumer: the highest is the one that counts. */
  readonly incarnation: number | undefined
  /** The part of the keys that it reads; all of them when `undefined`. */
  readonly shard: LogShard | undefined
  readonly checkpoint: LogCheckpoint
}

/** One reader of the log, all its parts together. */
export interface LogReaderState {
  readonly kind: ReaderKind
  readonly name: string
  readonly build: number | undefined
  /** Parts of the keys that are read apart from each other. */
  readonly parts: number
  /** Of the part that is furthest back. */
  readonly position: LogPosition
  /** How old the oldest event is that it could read and has not passed; `undefined` where that event was dropped. */
  readonly lagMs: number | undefined
  /** When one of its parts last noted how far it is. */
  readonly savedAtMs: number
}

/** Types of events that a reader takes; all of them when `undefined`. */
export type TypesOf = (kind: ReaderKind, name: string) => readonly string[] | undefined

const shapes = [
  /^(?<kind>relay) (?<name>\S+) (?<at>\d+)\/(?<of>\d+)$/,
  /^(?<kind>consumer) (?<name>\S+) (?<incarnation>\d+) (?<of>\d+)\/(?<at>\d+)$/,
  /^(?<kind>projection) (?<name>\S+) (?<build>\d+)$/,
]

/** Whose a checkpoint is. One that is of none of Plimsoll's own readers is a reader of its own. */
export function readerPart (checkpoint: LogCheckpoint): ReaderPart {
  return { ...ownerOf(checkpoint.name), checkpoint }
}

function ownerOf (checkpoint: string): Omit<ReaderPart, 'checkpoint'> {
  for (const shape of shapes) {
    const found = shape.exec(checkpoint)?.groups
    if (found === undefined) continue
    const number = (part: string): number | undefined =>
      found[part] === undefined ? undefined : Number(found[part])
    const [at, of] = [number('at'), number('of')]
    return {
      kind: found['kind'] as ReaderKind,
      name: found['name'] ?? '',
      build: number('build'),
      incarnation: number('incarnation'),
      shard: at === undefined || of === undefined ? undefined : { at, of },
    }
  }
  return { kind: 'other', name: checkpoint, build: undefined, incarnation: undefined, shard: undefined }
}

/** The readers of the log that a service has, by their names. */
export interface DeclaredReaders {
  readonly relays: readonly string[]
  /** Those that read the log, not a broker. */
  readonly consumers: readonly string[]
  readonly projections: readonly string[]
}

/** Whether a checkpoint is of a reader that the service has. Of readers that are none of Plimsoll's, nobody knows. */
export function isDeclared (
  checkpoint: string,
  { relays, consumers, projections }: DeclaredReaders
): boolean {
  const { kind, name } = ownerOf(checkpoint)
  if (kind === 'other') return true
  return { relay: relays, consumer: consumers, projection: projections }[kind].includes(name)
}

/** The parts that count: of a consumer that was replayed, or divided anew, what was left behind does not. */
export async function currentParts ({ checkpoints }: Outbox): Promise<readonly ReaderPart[]> {
  const parts = (await checkpoints.list()).map(readerPart)
  return parts.filter((part) =>
    part.kind !== 'consumer' ||
    !parts.some((other) =>
      other.kind === 'consumer' && other.name === part.name &&
      ((other.incarnation ?? 0) > (part.incarnation ?? 0) ||
        (other.incarnation === part.incarnation && (other.shard?.of ?? 0) < (part.shard?.of ?? 0)))
    )
  )
}

/** How far all readers of the log are. */
export async function readersOf (outbox: Outbox, typesOf: TypesOf): Promise<readonly LogReaderState[]> {
  const parts = await currentParts(outbox)
  const lags = await Promise.all(
    parts.map((part) => lagOf(outbox, part.checkpoint.position, part.shard, typesOf(part.kind, part.name)))
  )
  const measured = parts.map((part, at) => ({ ...part, lagMs: lags[at] }))
  const groups = Map.groupBy(measured, ({ kind, name, build }) => JSON.stringify([kind, name, build]))
  return [...groups.values()].map((group) => {
    const [{ kind, name, build }] = group as [typeof group[number]]
    return {
      kind,
      name,
      build,
      parts: group.length,
      position: group.map(({ checkpoint }) => checkpoint.position).toSorted(comparePositions)[0]!,
      lagMs: group.some(({ lagMs }) => lagMs === undefined) ?
        undefined :
        Math.max(...group.map(({ lagMs }) => lagMs ?? 0)),
      savedAtMs: Math.max(...group.map(({ checkpoint }) => checkpoint.savedAtMs)),
    }
  })
}

/** @returns the age of the first event that can be read after a place, 0 without one; `undefined`: it was dropped */
export async function lagOf (
  outbox: Outbox,
  after: LogPosition,
  shard: LogShard | undefined,
  types: readonly string[] | undefined
): Promise<number | undefined> {
  try {
    const { messages: [first], serverMs } = await outbox.read({
      after,
      limit: 1,
      ...(shard === undefined ? {} : { shard }),
      ...(types === undefined ? {} : { types }),
    })
    return first === undefined ? 0 : Math.max(0, serverMs - first.occurredAtMs)
  } catch (error) {
    if (error instanceof LogTruncatedError) return undefined
    throw error
  }
}
