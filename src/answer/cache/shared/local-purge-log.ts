import type { LocalClient, LocalValue } from '../../../engines/index.ts'
import type { Cancel, Clock } from '../../../kernel/index.ts'
import type { PurgeMode } from '../shared-cache.ts'
import type { Appended, Position, Progress, PurgeListener, PurgeLog, PurgeRecord, View } from './purge-log.ts'

export interface LocalPurgeLogOptions {
  readonly client: LocalClient
  readonly prefix: string
  readonly member: string
  readonly membershipMs: number
  /** For numbers that are above those of a supervisor before this one. */
  readonly clock: Clock
}

interface State {
  readonly epoch: string
  readonly sequence: number
  readonly members: readonly string[]
}

type Message = { readonly purged: PurgeRecord } | { readonly progressed: number }

/** For how long a worker that was away can hear what it has missed one by one, in memberships. */
const recordMemberships = 30
/** In the place of a member's position: its membership has run out, and others have gone on without it. */
const tombstone = 'lapsed'
/** Another worker was faster this often: only a broken engine makes that happen. */
const mostTries = 1_000

/**
 * The purges in the local engine, for the workers of one machine.
 *
 * One value holds the last number and the members; each purge is a value of its own for a minute, and names the one before
 * it; each member's position is a value that lives as long as its membership, by the supervisor's clock. A worker that has
 * just begun has no memory that could be stale, so it begins at the last purge. Should the engine, when it is full, forget
 * the state, a new epoch begins; what it forgets of the purges counts as purged.
 */
export class LocalPurgeLog implements PurgeLog {
  readonly #options: LocalPurgeLogOptions
  readonly #holdMs: number
  /** Another one after each lapse that others have noticed. */
  #name: string
  #lapses = 0
  /** The last position that others were told of. */
  #told = 0

  constructor (options: LocalPurgeLogOptions) {
    this.#options = options
    this.#holdMs = 1.5 * options.membershipMs
    this.#name = options.member
  }

  async sync (position: Position): Promise<View> {
    let state = await this.#state()
    const known = position.epoch === state.epoch
    if (known) {
      await this.#prolong(position.sequence)
      const name = this.#name
      state = await this.#change((now) =>
        now.members.includes(name) ? now : withMembers(now, [...now.members, name])
      )
      await this.#tell(position.sequence)
    }
    const records = known ? await this.#since(position.sequence, state) : undefined
    const floor = records === undefined ? state.sequence : 0
    return {
      epoch: state.epoch,
      sequence: state.sequence,
      floor,
      hardFloor: floor,
      lost: false,
      member: known && position.epoch === state.epoch,
      records: records ?? [],
    }
  }

  async append (_position: Position, tags: readonly string[], mode: PurgeMode): Promise<Appended> {
    const { client, membershipMs } = this.#options
    let record: PurgeRecord | undefined
    const state = await this.#change(async ({ epoch, sequence, members }) => {
      record = { sequence: Math.max(this.#nowUs(), sequence + 1_000), previous: sequence, epoch, mode, tags }
      // Before the state names it, so that nobody looks for it in vain.
      await client.set(this.#key(`purge:${record.sequence}`), { ...record }, {
        ttlMs: recordMemberships * membershipMs,
      })
      return { epoch, sequence: record.sequence, members }
    })
    if (record !== undefined) await this.#publish({ purged: record })
    return state
  }

  async progress ({ epoch, sequence, members }: Appended): Promise<Progress | undefined> {
    const { client } = this.#options
    if ((await this.#state()).epoch !== epoch) return undefined
    const positions = await Promise.all(members.map((member) => this.#positionOf(member)))
    const lapsed = members.filter((_, at) => positions[at] === tombstone)
    if (lapsed.length > 0) {
      await this.#change((now) => withMembers(now, now.members.filter((member) => !lapsed.includes(member))))
    }
    const acknowledged =
      positions.filter((position) => typeof position === 'number' && position >= sequence).length
    const unknown = await client.get(this.#key('unknown')) === undefined ? 0 : 1
    return {
      acknowledged,
      lapsed: lapsed.length,
      pending: members.length - lapsed.length - acknowledged + unknown,
    }
  }

  listen ({ purged, progressed }: PurgeListener): Promise<Cancel> {
    return this.#options.client.subscribe(this.#key('purges'), (message) => {
      const said = message as unknown as Message
      if ('purged' in said) purged(said.purged)
      else progressed(said.progressed)
    })
  }

  async leave (): Promise<void> {
    await this.#options.client.delete(this.#memberKey(this.#name))
    await this.#change((now) => withMembers(now, now.members.filter((member) => member !== this.#name)))
  }

  /** Nobody can find this member lapsed and go on without it, and it go on too: one of both wins the key. */
  async #prolong (position: number): Promise<void> {
    for (;;) {
      const key = this.#memberKey(this.#name)
      const was = await this.#options.client.get(key)
      if (was === tombstone) this.#name = `${this.#options.member}-${++this.#lapses}`
      else if (await this.#options.client.compareAndSet(key, was, position, { ttlMs: this.#holdMs })) return
    }
  }

  async #positionOf (member: string): Promise<LocalValue> {
    const { client } = this.#options
    const key = this.#memberKey(member)
    for (;;) {
      const position = await client.get(key)
      if (position !== undefined) return position
      if (await client.compareAndSet(key, undefined, tombstone, { ttlMs: 10 * this.#holdMs }))
        return tombstone
    }
  }

  /** What was purged after a position; undefined when the engine has forgotten a part of it. */
  async #since (position: number, state: State): Promise<readonly PurgeRecord[] | undefined> {
    const records: PurgeRecord[] = []
    for (let sequence = state.sequence; sequence > position;) {
      const record = await this.#options.client.get(this.#key(`purge:${sequence}`)) as unknown as
        | PurgeRecord
        | undefined
      if (record === undefined || record.epoch !== state.epoch) return undefined
      records.unshift(record)
      sequence = record.previous
    }
    return records
  }

  async #tell (position: number): Promise<void> {
    if (position <= this.#told) return
    this.#told = position
    await this.#publish({ progressed: position })
  }

  async #publish (message: Message): Promise<void> {
    await this.#options.client.publish(this.#key('purges'), message as unknown as LocalValue)
  }

  async #state (): Promise<State> {
    return this.#change((state) => state)
  }

  /** Puts `next` in place of the state, which it makes where there is none. */
  async #change (next: (state: State) => State | Promise<State>): Promise<State> {
    const { client, member } = this.#options
    for (let tries = 0; tries < mostTries; tries++) {
      const state = await client.get(this.#key('state')) as unknown as State | undefined
      if (state === undefined) {
        const sequence = this.#nowUs()
        // First, so that no purge of the new epoch is settled before those whom it does not know have lapsed.
        await client.set(this.#key('unknown'), true, { ttlMs: this.#holdMs })
        await this.#swap(undefined, { epoch: `${sequence}-${member}`, sequence, members: [] })
        continue
      }
      const changed = await next(state)
      if (changed === state || await this.#swap(state, changed)) return changed
    }
    throw new Error(`other workers changed the state of the purges ${mostTries} times in a row`)
  }

  #swap (was: State | undefined, next: State): Promise<boolean> {
    return this.#options.client.compareAndSet(
      this.#key('state'),
      was as unknown as LocalValue | undefined,
      next as unknown as LocalValue
    )
  }

  #memberKey (member: string): string {
    return this.#key(`member:${member}`)
  }

  #key (name: string): string {
    return `${this.#options.prefix}:${name}`
  }

  #nowUs (): number {
    return Math.floor(this.#options.clock.epochMs() * 1_000)
  }
}

function withMembers (state: State, members: readonly string[]): State {
  return { ...state, members }
}
