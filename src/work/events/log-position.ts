/**
 * Where an event stands in the log: a value that outlives connections, processes and restores. Those that Plimsoll gives out
 * become the text of {@link formatPosition} in JSON.
 */
export interface LogPosition {
  /** Counts the servers that the log has lived on: a restored copy begins the next one, since its transaction ids restart. */
  readonly epoch: number
  /** The highest transaction id that was used up when the event was written: not lower than that of any earlier event of its key. */
  readonly xid: bigint
  /** Counts the events of the log, with gaps; 0n stands before all events of `xid`. */
  readonly position: bigint
}

class Place implements LogPosition {
  readonly epoch: number
  readonly xid: bigint
  readonly position: bigint

  constructor (epoch: number, xid: bigint, position: bigint) {
    this.epoch = epoch
    this.xid = xid
    this.position = position
  }

  toJSON (): string {
    return formatPosition(this)
  }
}

/** @param position 0n: before all events of `xid` */
export function logPosition (
  epoch: number,
  xid: bigint | string,
  position: bigint | string = 0n
): LogPosition {
  return new Place(epoch, BigInt(xid), BigInt(position))
}

/** Stands before all events. */
export const logStart: LogPosition = logPosition(0, 0n)

/** @returns below 0 when `a` comes before `b`, above 0 when it comes after, 0 when they are one place */
export function comparePositions (a: LogPosition, b: LogPosition): number {
  if (a.epoch !== b.epoch) return a.epoch - b.epoch
  if (a.xid !== b.xid) return a.xid < b.xid ? -1 : 1
  return a.position === b.position ? 0 : a.position < b.position ? -1 : 1
}

/** `<epoch>.<xid>.<position>`: safe in headers, cookies and URLs. */
export function formatPosition ({ epoch, xid, position }: LogPosition): string {
  return `${epoch}.${xid}.${position}`
}

const shape = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,18})$/

/** @returns `undefined` for anything that {@link formatPosition} has not written */
export function parsePosition (text: string): LogPosition | undefined {
  const parts = shape.exec(text)
  if (parts === null) return undefined
  const [, epoch = '', xid = '', position = ''] = parts
  return logPosition(Number(epoch), xid, position)
}
