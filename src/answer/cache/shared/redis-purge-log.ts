import type { Cancel } from '../../../kernel/index.ts'
import type { PurgeMode } from '../shared-cache.ts'
import type { Appended, Position, Progress, PurgeListener, PurgeLog, PurgeRecord, View } from './purge-log.ts'
import type { RedisInbox } from './redis-inbox.ts'
import { appendScript, leaveScript, progressScript, syncScript } from './redis-purge-scripts.ts'
import type { RedisArgument, RedisCalls, RedisScript } from './redis-script.ts'

export interface RedisPurgeLogOptions {
  readonly redis: RedisCalls
  readonly inbox: RedisInbox
  readonly prefix: string
  readonly member: string
  readonly membershipMs: number
  /** The longest time for which anything is kept. */
  readonly keepMs: number
  /** Purges that are kept at most; what was made before the oldest counts as purged. @default 10,000 */
  readonly mostPurges?: number
}

/** Purges that are told at once: a few hundred kB. */
const recordsAtOnce = 1_000

/** The purges in Redis or Valkey, in four keys of one slot; see redis-purge-scripts.ts. */
export class RedisPurgeLog implements PurgeLog {
  readonly #options: RedisPurgeLogOptions
  readonly #keys: readonly string[]
  readonly #channel: string

  constructor (options: RedisPurgeLogOptions) {
    this.#options = options
    this.#keys = ['state', 'members', 'applied', 'purges'].map((name) => `{${options.prefix}}:${name}`)
    this.#channel = `${options.prefix}:purges`
  }

  async sync (position: Position): Promise<View> {
    const [epoch, sequence, floor, hardFloor, lost, member, ...records] = await this.#run(
      syncScript,
      position,
      [
        recordsAtOnce,
      ]
    )
    return {
      epoch: String(epoch),
      sequence: Number(sequence),
      floor: Number(floor),
      hardFloor: Number(hardFloor),
      lost: String(lost) === '1',
      member: member === 1,
      records: records.map((record) => recordOf(String(record))),
    }
  }

  async append (position: Position, tags: readonly string[], mode: PurgeMode): Promise<Appended> {
    const { mostPurges = 10_000 } = this.#options
    const json = JSON.stringify(tags)
    const [epoch, sequence, ...members] = await this.#run(appendScript, position, [mode, json, mostPurges])
    return {
      epoch: String(epoch),
      sequence: Number(sequence),
      members: members.map(String).filter((member) => member !== '*'),
    }
  }

  async progress ({ epoch, sequence, members }: Appended): Promise<Progress | undefined> {
    const counts = await this.#run(progressScript, nowhere, [epoch, String(sequence), ...members])
    if (counts.length === 0) return undefined
    const [acknowledged = 0, lapsed = 0, pending = 0] = counts.map(Number)
    return { acknowledged, lapsed, pending }
  }

  listen ({ purged, progressed }: PurgeListener): Promise<Cancel> {
    return this.#options.inbox.listen(this.#channel, (message) => {
      if (message.startsWith('settled ')) return progressed(Number(message.slice('settled '.length)))
      const record = readRecord(message)
      // What another version, or anybody, has said there is no reason to end: the log itself is what counts.
      if (record !== undefined) purged(record)
    })
  }

  async leave (): Promise<void> {
    await this.#run(leaveScript, nowhere, [])
  }

  async #run (
    script: RedisScript,
    position: Position,
    more: readonly RedisArgument[]
  ): Promise<readonly unknown[]> {
    const { redis, member, membershipMs, keepMs } = this.#options
    const answer = await script.run(redis, this.#keys, [
      position.epoch,
      String(position.sequence),
      member,
      Math.ceil(1.5 * membershipMs),
      Math.ceil(membershipMs / 2),
      Math.ceil(keepMs),
      member,
      this.#channel,
      ...more,
    ])
    return Array.isArray(answer) ? answer : []
  }
}

const nowhere: Position = { epoch: '', sequence: 0 }

function readRecord (text: string): PurgeRecord | undefined {
  try {
    return recordOf(text)
  } catch {
    return undefined
  }
}

/** `sequence previous epoch mode tags` */
function recordOf (text: string): PurgeRecord {
  const [sequence, previous, epoch = '', mode] = text.split(' ', 4)
  const tags = text.slice([sequence, previous, epoch, mode].join(' ').length)
  return {
    sequence: Number(sequence),
    previous: Number(previous),
    epoch,
    mode: mode === 'hard' ? 'hard' : 'soft',
    tags: JSON.parse(tags),
  }
}
