import type { Pool } from 'pg'
import {
  type Clock,
  type Duration,
  parseDuration,
  type Random,
  SettingError,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'
import type { Logger, MetricsRegistry, Tracer } from '../../telemetry/index.ts'
import { formatPosition, type LogPosition } from '../events/index.ts'
import { ConsumerStore } from './consumer-store.ts'
import { ConsumerWorker } from './consumer-worker.ts'
import type { Consumer } from './define-consumer.ts'
import { ReplayUnsupportedError } from './errors.ts'
import type { EventSource } from './event-source.ts'
import { type HeldEvent, heldEvent, HeldEvents, type HeldKey, type HeldQuery } from './held-events.ts'
import { InboxSweeper } from './inbox-sweeper.ts'
import { consumerMetrics } from './metrics.ts'
import { prepareConsumerTables } from './tables.ts'

export interface ConsumersOptions {
  /** Of the service's database, in which handlers write; yours to close. */
  readonly pool: Pool
  readonly consumers: readonly Consumer[]
  /** By the names that consumers give as their `source`. Yours to close. */
  readonly sources: Readonly<Record<string, EventSource>>
  /** Holds the tables. @default the first schema of the search path */
  readonly schema?: string | undefined
  /**
   * How long handled events are remembered. It must be at least as long as a source may hand out an event again;
   * a process that would forget them earlier does not start. @default '7d'
   */
  readonly keep?: Duration
  readonly registry: MetricsRegistry
  readonly logger?: Logger | undefined
  readonly tracer?: Tracer | undefined
  readonly clock?: Clock
  readonly random?: Random
}

/** Takes events and handles them, in this process. */
export interface ConsumersWorker {
  /** Opens the streams and begins. @throws SettingError; what a source throws */
  start(): Promise<void>
  /** Takes no more events and waits up to `graceMs` for those under way; the rest is left to whoever comes next. */
  drain(graceMs: number): Promise<void>
  close(): Promise<void>
}

/** The consumers of a service, and what is held of their events. */
export interface Consumers extends AsyncDisposable {
  /** @param names of those that this process runs; all of them by default */
  worker(names?: readonly string[]): ConsumersWorker
  /** Keys whose events wait for another try, or for somebody. */
  held(consumer: string, query?: HeldQuery): Promise<readonly HeldKey<HeldEvent>[]>
  /**
   * Has dead letters tried again, and then the rest of their keys, in order.
   *
   * @param key only this one. @default all of the consumer
   * @returns how many keys
   */
  redrive(consumer: string, key?: string): Promise<number>
  /** Gives up the dead letter of a key; what waits behind it is tried. @returns what was given up */
  discard(consumer: string, key: string): Promise<HeldEvent | undefined>
  /**
   * Has a consumer handle events once more, although it has handled them: all after a place of the log, or all that the
   * log still has. Their effects happen again. Other consumers see nothing of it.
   *
   * @throws ReplayUnsupportedError for a source that cannot
   */
  replay(consumer: string, from: LogPosition | 'beginning'): Promise<void>
  /** Closes the workers. */
  close(): Promise<void>
}

/** Makes consumers ready. @throws SettingError */
export async function openConsumers (options: ConsumersOptions): Promise<Consumers> {
  const { pool, consumers, sources, schema, registry, logger, tracer } = options
  const { clock = systemClock, random = systemRandom, keep = '7d' } = options
  const keepMs = parseDuration(keep, 'consumers.keep')
  const byName = new Map(consumers.map((consumer) => [consumer.name, consumer]))
  if (byName.size < consumers.length)
    throw new SettingError('consumers', 'of different names', consumers.map(({ name }) => name))
  for (const { name, source } of consumers) {
    if (!Object.hasOwn(sources, source))
      throw new SettingError(`consumer ${name}: source`, `one of ${Object.keys(sources).join(', ')}`, source)
  }
  await prepareConsumerTables(pool, schema)
  const held = new HeldEvents(pool, schema)
  const workers = new Set<ConsumersWorker>()
  const named = (name: string): Consumer => {
    const consumer = byName.get(name)
    if (consumer === undefined)
      throw new SettingError('consumer', `one of ${[...byName.keys()].join(', ')}`, name)
    return consumer
  }

  function worker (names: readonly string[] = [...byName.keys()]): ConsumersWorker {
    const parts = names.map((name) => {
      const consumer = named(name)
      return new ConsumerWorker({
        consumer,
        source: sources[consumer.source]!,
        store: new ConsumerStore(pool, name, schema),
        metrics: consumerMetrics(registry, name),
        keepMs,
        logger,
        tracer,
        clock,
        random,
      })
    })
    const sweeper = new InboxSweeper({ pool, schema, keepMs, logger, clock, random })
    const close = async (): Promise<void> => {
      workers.delete(running)
      sweeper.close()
      await Promise.all(parts.map((part) => part.close()))
    }
    const running: ConsumersWorker = {
      async start () {
        try {
          await Promise.all(parts.map((part) => part.start()))
        } catch (error) {
          await close()
          throw error
        }
        sweeper.start()
      },
      async drain (graceMs) {
        sweeper.close()
        await Promise.all(parts.map((part) => part.drain(graceMs)))
        workers.delete(running)
      },
      close,
    }
    workers.add(running)
    return running
  }

  async function close (): Promise<void> {
    await Promise.all([...workers].map((running) => running.close()))
  }

  return {
    worker,
    async held (consumer, query) {
      const keys = await held.list(named(consumer).name, query)
      return keys.map(({ oldest, ...key }) => ({ ...key, oldest: heldEvent(oldest) }))
    },
    redrive: (consumer, key) => held.redrive(named(consumer).name, key),
    async discard (consumer, key) {
      const discarded = await held.discard(named(consumer).name, key)
      if (discarded !== undefined)
        logger?.warn(
          { consumer, key, event: discarded.id, type: discarded.type },
          'a dead letter was discarded'
        )
      return discarded && heldEvent(discarded)
    },
    async replay (consumer, from) {
      const { name, source: sourceName, deadlineMs } = named(consumer)
      const source = sources[sourceName]!
      if (source.rewind === undefined) throw new ReplayUnsupportedError(name, source.name)
      const store = new ConsumerStore(pool, name, schema)
      await store.place(deadlineMs)
      const incarnation = await store.nextIncarnation()
      await source.rewind({ consumer: name, incarnation, from })
      await held.forgetAfter(name, from)
      await store.replay(incarnation)
      logger?.warn(
        { consumer: name, from: from === 'beginning' ? from : formatPosition(from) },
        'a consumer is replayed'
      )
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
