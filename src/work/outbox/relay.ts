import {
  type Clock,
  type Duration,
  formatDuration,
  parseDuration,
  type Random,
  runWithoutContext,
  SettingError,
  sleep,
  systemClock,
  systemRandom,
  uuidv7,
} from '../../kernel/index.ts'
import { type Logger, MetricsRegistry } from '../../telemetry/index.ts'
import type { HeldLease, Leases } from '../lease/index.ts'
import { alongIndex } from './along-index.ts'
import { clusterNow, lowestRunning } from './epoch.ts'
import { RelayBehindError } from './errors.ts'
import type { Outbox } from './open-outbox.ts'
import { ParkedEvents } from './parked-events.ts'
import type { Publisher } from './publisher.ts'
import { RelayMembers } from './relay-members.ts'
import { relayMetrics } from './relay-metrics.ts'
import { type BrokerAnswer, RelayShard } from './relay-shard.ts'
import { checkpointName, divide } from './relay-shards.ts'
import { shardOf } from './shard-of.ts'

export interface RelayOptions {
  readonly outbox: Outbox
  /** Yours to close, after the relay. */
  readonly publisher: Publisher
  /** Yours to close, after the relay. */
  readonly leases: Leases
  /** Names its checkpoints; letters, digits, `-` and `_`. @default the publisher's name */
  readonly name?: string
  /**
   * Equal parts of the keys, each published by one process at a time: at most so many processes share the work. It can be
   * raised at any time, what is under way then comes twice; it is never lowered. @default 4
   */
  readonly shards?: number
  /** Events that are read, and handed to the publisher, at once. @default 500 */
  readonly batch?: number
  /** Where it begins when it has never run: with all events that are kept, or with those from now on. @default 'start' */
  readonly from?: 'start' | 'head'
  /** How often an event is tried that the broker does not take while it takes others. @default 10 */
  readonly attempts?: number
  /** The longest pause between two tries while the broker is away. @default '30s' */
  readonly longestPause?: Duration
  /** How old an event may get before `check` fails. @default '1m' */
  readonly behindAfter?: Duration
  /** @default one of its own, which nobody reads */
  readonly registry?: MetricsRegistry
  readonly logger?: Logger
  readonly clock?: Clock
  readonly random?: Random
}

/**
 * Publishes the log's events to a broker: each at least once, in order per aggregate, and none before its transaction has
 * committed. Any number of processes may run the same relay.
 */
export interface Relay extends AsyncDisposable {
  readonly name: string
  /** What the broker does not take, and what is behind it. */
  readonly parked: ParkedEvents
  /** Shards that this process holds just now. */
  readonly held: number
  start(): Promise<void>
  /** Finishes what is under way, for at most so long, and lets other processes have the shards. */
  drain(graceMs: number): Promise<void>
  /** @throws RelayBehindError when an event that could be published is older than `behindAfter` */
  check(): Promise<void>
  close(): Promise<void>
}

const nameShape = /^[a-zA-Z][\w-]{0,49}$/
/** Shards are shared out so often, in milliseconds. */
const sharingMs = 1_000
const firstPauseMs = 50

/** @throws SettingError */
export function openRelay (options: RelayOptions): Relay {
  return new OutboxRelay(options)
}

class OutboxRelay implements Relay {
  readonly name: string
  readonly parked: ParkedEvents
  readonly #options: RelayOptions
  readonly #settings: ReturnType<typeof resolve>
  readonly #members: RelayMembers
  readonly #shards: Map<number, { readonly stop: AbortController; readonly done: Promise<void> }> = new Map()
  readonly #stop: AbortController = new AbortController()
  readonly #abort: AbortController = new AbortController()
  #sharing: Promise<void> | undefined
  #refusal: Error | undefined
  #standsSinceMs: number | undefined

  constructor (options: RelayOptions) {
    this.#options = options
    this.#settings = resolve(options)
    this.name = this.#settings.name
    this.parked = new ParkedEvents(options.outbox, this.name)
    this.#members = new RelayMembers(options.outbox, this.name, uuidv7(options.clock))
  }

  get held (): number {
    return this.#shards.size
  }

  async start (): Promise<void> {
    if (this.#sharing !== undefined) return
    const { outbox } = this.#options
    const { name, shards, from } = this.#settings
    await divide(outbox, name, shards, from)
    this.#sharing = runWithoutContext(() => this.#share())
  }

  async drain (graceMs: number): Promise<void> {
    this.#stop.abort()
    const cancel = this.#settings.clock.after(graceMs, () => this.#abort.abort())
    await this.#sharing
    cancel()
  }

  async check (): Promise<void> {
    const { outbox: { pool, names } } = this.#options
    const { rows: [row] } = await alongIndex(pool, (tx) =>
      tx.query<{ lag_ms: number | null }>(
        `SELECT max(extract(epoch FROM clock_timestamp() - first.created_at))::float8 * 1000 AS lag_ms
        FROM ${names.state} AS here CROSS JOIN ${names.relays} AS relay
        CROSS JOIN LATERAL generate_series(0, relay.shards - 1) AS at
        JOIN ${names.readers} AS reader ON reader.name = 'relay ' || $1::text || ' ' || at || '/' || relay.shards
        CROSS JOIN LATERAL (
          SELECT created_at FROM ${names.log} AS log
          WHERE (log.epoch, log.xid, log.position) > (reader.epoch, reader.xid, reader.position)
            AND (log.epoch, log.xid) < (here.epoch, ${lowestRunning})
            AND ${shardOf('log.aggregateid', 'relay.shards')} = at
          ORDER BY log.epoch, log.xid, log.position LIMIT 1
        ) AS first
        WHERE relay.relay = $1 AND here.cluster = ${clusterNow}`,
        [this.name]
      ))
    const lagMs = row?.lag_ms ?? 0
    if (lagMs >= this.#settings.behindAfterMs) throw new RelayBehindError(this.name, lagMs, this.#refusal)
  }

  close (): Promise<void> {
    this.#abort.abort()
    return this.drain(0)
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  /** Takes shards and gives them back, so that each process has its part of them. */
  async #share (): Promise<void> {
    const { logger, outbox } = this.#options
    const { clock, random, name, shards, from } = this.#settings
    while (!this.#stop.signal.aborted) {
      try {
        const of = await divide(outbox, name, shards, from)
        const part = Math.ceil(of / await this.#members.greet())
        for (const at of [...this.#shards.keys()].slice(part)) this.#shards.get(at)?.stop.abort()
        const free = Array.from({ length: of }, (_, at) => at).filter((at) => !this.#shards.has(at))
        // In an order of its own, so that processes do not all ask for the same.
        for (const at of free.toSorted(() => random() - 0.5)) {
          if (this.#shards.size < part) await this.#take(at, of)
        }
      } catch (error) {
        logger?.warn(
          { err: error, relay: name },
          `the shards of the relay ${name} could not be shared out; tried again within ${2 * sharingMs} ms`
        )
      }
      await sleep(clock, sharingMs * (0.75 + random() / 2), this.#stop.signal).catch(() => {})
    }
    await Promise.all([...this.#shards.values()].map(({ done }) => done))
    await this.#members.leave().catch(() => {})
  }

  async #take (at: number, of: number): Promise<void> {
    const { name } = this.#settings
    const lease = await this.#options.leases.take(`relay.${name}.${of}.${at}`)
    if (lease === undefined) return
    const stop = new AbortController()
    const done = this.#run(lease, at, of, AbortSignal.any([stop.signal, this.#stop.signal]))
      .finally(() => this.#shards.delete(at))
    this.#shards.set(at, { stop, done })
  }

  /** Says when the broker takes nothing, and when it does again. */
  #hear ({ refusal, took, stands }: BrokerAnswer): void {
    const { logger } = this.#options
    const { name, clock } = this.#settings
    this.#refusal = refusal
    const sinceMs = this.#standsSinceMs
    if (took && sinceMs !== undefined) {
      this.#standsSinceMs = undefined
      const stoodMs = clock.now() - sinceMs
      logger?.info(
        { relay: name, stood_ms: stoodMs },
        `the relay ${name} publishes again, after ${formatDuration(Math.round(stoodMs / 1_000) * 1_000)}`
      )
    } else if (stands && sinceMs === undefined) {
      this.#standsSinceMs = clock.now()
      logger?.warn(
        { err: refusal, relay: name },
        `the relay ${name} stands still: its broker takes nothing (${refusal?.message}). ` +
          'Events wait in the log and are tried again by themselves; a line says so when they are published again'
      )
    }
  }

  async #run (lease: HeldLease, at: number, of: number, stop: AbortSignal): Promise<void> {
    const { outbox, publisher, logger } = this.#options
    const { name, clock, random } = this.#settings
    try {
      await new RelayShard({
        ...this.#settings,
        outbox,
        publisher,
        lease,
        logger,
        shard: { of, at },
        name: checkpointName(name, { at, of }),
        parked: this.parked,
        onAnswer: (answer) => this.#hear(answer),
      }).run(stop, this.#abort.signal)
    } catch (error) {
      // Its lease is given back, and taken again by whoever comes first.
      if (!lease.signal.aborted)
        logger?.warn(
          { err: error, relay: name, shard: at },
          `shard ${at} of the relay ${name} failed and is taken up again: no event is lost`
        )
      await sleep(clock, random() * sharingMs, stop).catch(() => {})
    } finally {
      await lease.release()
    }
  }
}

// oxlint-disable-next-line typescript/explicit-function-return-type
function resolve (options: RelayOptions) {
  const { publisher, name = publisher.name, shards = 4, batch = 500, from = 'start', attempts = 10 } = options
  const { clock = systemClock, random = systemRandom, registry = new MetricsRegistry() } = options
  if (!nameShape.test(name))
    throw new SettingError('relay.name', 'letters, digits, "-" and "_", at most 50', name)
  for (
    const [setting, value, most] of [['shards', shards, 1_024], ['batch', batch, 10_000], [
      'attempts',
      attempts,
      1_000,
    ]] as const
  ) {
    if (!(Number.isInteger(value) && value >= 1 && value <= most))
      throw new SettingError(`relay.${setting}`, `a whole number from 1 to ${most}`, value)
  }
  const capMs = parseDuration(options.longestPause ?? '30s', 'relay.longestPause')
  return {
    name,
    shards,
    batch,
    from,
    attempts,
    backoff: { baseMs: Math.min(firstPauseMs, capMs), capMs },
    behindAfterMs: parseDuration(options.behindAfter ?? '1m', 'relay.behindAfter'),
    metrics: relayMetrics(registry, name),
    clock,
    random,
  }
}
