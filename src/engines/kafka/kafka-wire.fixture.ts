import type { Wire } from '../proxy.fixture.ts'

/** Numbers of requests, as the protocol has them. */
export const apiKeys = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  offsetCommit: 8,
  findCoordinator: 10,
  heartbeat: 12,
  apiVersions: 18,
  initProducerId: 22,
} as const

export interface KafkaRequest {
  readonly apiKey: number
  readonly version: number
  /** All of it, behind the length. */
  readonly bytes: Buffer
}

export interface KafkaWireFaults {
  /** Requests of these kinds are done, and their answers never arrive. */
  readonly swallow: Set<number>
  /** Every partition of the answers to Produce carries this error instead of 0. */
  refuse: number | undefined
  /** Likewise, for requests that are larger than so many bytes. */
  refuseLargerThan: { readonly bytes: number; readonly error: number } | undefined
}

interface KafkaWireOptions {
  readonly clusterPort: number
  /** The port that clients shall use instead. */
  readonly port: number
  readonly requests: KafkaRequest[]
  readonly faults: KafkaWireFaults
}

/** One connection to the cluster, cut into requests and answers. */
export function kafkaWire ({ clusterPort, port, requests, faults }: KafkaWireOptions): Wire {
  const asked = new Map<number, KafkaRequest>()
  const cutRequests = framesOf((frame) => {
    const request = { apiKey: frame.readInt16BE(0), version: frame.readInt16BE(2), bytes: Buffer.from(frame) }
    asked.set(frame.readInt32BE(4), request)
    requests.push(request)
    return frame
  })
  const cutAnswers = framesOf((frame) => {
    const id = frame.readInt32BE(0)
    const request = asked.get(id)
    asked.delete(id)
    if (request === undefined) return frame
    if (faults.swallow.has(request.apiKey)) return undefined
    if (request.apiKey === apiKeys.apiVersions && request.version < 3) announceOldListOffsets(frame)
    if (request.apiKey === apiKeys.metadata || request.apiKey === apiKeys.findCoordinator) {
      renamePort(frame, clusterPort, port)
    }
    if (request.apiKey === apiKeys.produce) {
      const { refuse, refuseLargerThan: limit } = faults
      const error = limit !== undefined && request.bytes.length > limit.bytes ? limit.error : refuse
      if (error !== undefined) refuseAll(frame, error)
    }
    return frame
  })
  return { toServer: cutRequests, toClient: cutAnswers }
}

/** Collects whole frames (a length of 4 bytes, then as many) and passes on what `look` makes of each. */
function framesOf (look: (frame: Buffer) => Buffer | undefined): (part: Buffer) => Buffer {
  let rest: Buffer = Buffer.alloc(0)
  return (part) => {
    rest = Buffer.concat([rest, part])
    const done: Buffer[] = []
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const length = rest.readInt32BE(0)
      const frame = look(Buffer.from(rest.subarray(4, 4 + length)))
      if (frame !== undefined) done.push(lengthOf(frame), frame)
      rest = rest.subarray(4 + length)
    }
    return Buffer.concat(done)
  }
}

function lengthOf (frame: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(frame.length)
  return length
}

/** An answer of version 0 to 2: id (4 bytes), error (2), count (4), then key, lowest and highest version (2 each). */
function announceOldListOffsets (frame: Buffer): void {
  const count = frame.readInt32BE(6)
  for (let at = 10; at < 10 + count * 6; at += 6) {
    if (frame.readInt16BE(at) === apiKeys.listOffsets) frame.writeInt16BE(3, at + 4)
  }
}

function renamePort (frame: Buffer, from: number, to: number): void {
  const host = Buffer.concat([Buffer.from([0, 9]), Buffer.from('127.0.0.1')])
  for (let at = frame.indexOf(host); at >= 0; at = frame.indexOf(host, at + 1)) {
    if (frame.readInt32BE(at + host.length) === from) frame.writeInt32BE(to, at + host.length)
  }
}

/**
 * An answer to Produce of version 5 to 7: topics, each with partitions of index (4), error (2), first offset (8), time
 * (8) and log start (8).
 */
function refuseAll (frame: Buffer, error: number): void {
  let at = 8
  for (let topics = frame.readInt32BE(4); topics > 0; topics--) {
    at += 2 + frame.readInt16BE(at)
    const partitions = frame.readInt32BE(at)
    at += 4
    for (let partition = 0; partition < partitions; partition++, at += 30) frame.writeInt16BE(error, at + 4)
  }
}
