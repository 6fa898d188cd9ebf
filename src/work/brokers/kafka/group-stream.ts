import type { Consumer, Message, MessagesStream } from '@platformatic/kafka'
import type { Engine, KafkaClient } from '../../../engines/index.ts'
import { type Clock, inTime } from '../../../kernel/index.ts'
import type { Backlog, Delivery, Subscription } from '../../consumers/index.ts'
import type { EventMessage } from '../../events/index.ts'
import { readEnvelope } from '../envelope.ts'
import { Inbound } from '../inbound.ts'
import type { BrittleStream } from '../mending-stream.ts'
import { PartitionProgress } from './partition-progress.ts'

export interface GroupStreamOptions {
  readonly engine: Engine<KafkaClient>
  readonly topics: readonly string[]
  readonly group: string
  readonly sessionTimeoutMs: number
  readonly subscription: Subscription
  readonly clock: Clock
}

/** Places are committed so often while they move, in milliseconds. */
const commitMs = 200
/** How long the brokers may wait for messages before they answer a fetch with none, in milliseconds. */
const fetchWaitMs = 500
/** How long a close waits for the brokers' word, in milliseconds. */
const closeMs = 3_000

/** A member of a consumer group. */
export async function openGroupStream (options: GroupStreamOptions): Promise<BrittleStream> {
  const { engine, topics, group, sessionTimeoutMs, subscription, clock } = options
  const { kafka, settings } = await engine.connect()
  const consumer: Consumer = new kafka.Consumer({
    ...settings,
    groupId: group,
    autocommit: false,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: sessionTimeoutMs,
    heartbeatInterval: Math.floor(sessionTimeoutMs / 10),
    autocreateTopics: true,
    // A connection that broke is made again by the client, which keeps its place in the group meanwhile.
    retries: 8,
    retryDelay: (_client, _operation, attempt) => Math.min(50 * 2 ** attempt, 1_000),
  })
  // Without a listener, an error of the client's own would end the process.
  consumer.on('error', () => {})
  try {
    const messages = await consumer.consume({
      topics: [...topics],
      mode: 'committed',
      fallbackMode: subscription.from === 'beginning' ? 'earliest' : 'latest',
      maxWaitTime: fetchWaitMs,
    })
    return new GroupStream(consumer, messages, subscription, clock)
  } catch (error) {
    await inTime(clock, closeMs, consumer.close(true)).catch(() => {})
    throw error
  }
}

type Progress = PartitionProgress<Message>

class GroupStream implements BrittleStream {
  readonly #consumer: Consumer
  readonly #messages: MessagesStream<Buffer, Buffer, Buffer, Buffer>
  readonly #types: ReadonlySet<string>
  readonly #window: number
  readonly #clock: Clock
  readonly #inbound: Inbound = new Inbound()
  readonly #cancelCommits: () => void
  /** By topic and partition; begun anew whenever partitions are given out anew. */
  #progress: Map<string, Progress> = new Map()
  #open = 0
  #room: PromiseWithResolvers<void> = Promise.withResolvers()
  #closing: Promise<void> | undefined

  constructor (
    consumer: Consumer,
    messages: MessagesStream<Buffer, Buffer, Buffer, Buffer>,
    { types, window }: Subscription,
    clock: Clock
  ) {
    this.#consumer = consumer
    this.#messages = messages
    this.#types = new Set(types)
    this.#window = window
    this.#clock = clock
    // Each partition begins again at its committed place, here or at another member.
    consumer.on('consumer:group:join', () => this.#begin())
    this.#cancelCommits = clock.every(commitMs, () => void this.#commit())
    void this.#read()
  }

  pull (limit: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    return this.#inbound.pull(limit, signal)
  }

  async backlog (): Promise<Backlog> {
    const topics = [
      ...new Set([...this.#messages.offsetsToFetch.keys()].map((name) => name.replace(/:\d+$/, ''))),
    ]
    const lags = await this.#consumer.getLag({ topics })
    // Below 0 for partitions of others, and for those of which nothing was committed yet.
    const behind = [...lags.values()].flat().filter((lag) => lag > 0n)
    const oldest = [...this.#progress.values()].flatMap(({ oldest }) =>
      oldest === undefined ? [] : [Number(oldest.timestamp)]
    )
    return {
      messages: Number(behind.reduce((sum, lag) => sum + lag, 0n)),
      oldestAtMs: oldest.length === 0 ? undefined : Math.min(...oldest),
    }
  }

  close (): Promise<void> {
    this.#fail(new Error('the stream is closed'))
    return this.#closing ??= this.#close()
  }

  async #close (): Promise<void> {
    this.#cancelCommits()
    await inTime(this.#clock, closeMs, this.#commit()).catch(() => {})
    await inTime(this.#clock, closeMs, this.#consumer.close(true)).catch(() => {})
  }

  #begin (): void {
    this.#progress = new Map()
    this.#open = 0
    this.#room.resolve()
  }

  #fail (reason: Error): void {
    this.#inbound.fail(reason)
    this.#room.resolve()
  }

  /** Takes no more from the client than the window has room for; the client fetches no more than it holds. */
  async #read (): Promise<void> {
    try {
      for await (const message of this.#messages) {
        this.#hand(message)
        while (this.#open >= this.#window && !this.#inbound.failed) {
          this.#room = Promise.withResolvers()
          await this.#room.promise
        }
        if (this.#inbound.failed) return
      }
      this.#fail(new Error('the stream of the group has ended'))
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #hand (message: Message): void {
    const name = `${message.topic}/${message.partition}`
    const all = this.#progress
    const progress: Progress = all.get(name) ?? new PartitionProgress()
    all.set(name, progress)
    const done = progress.hand(message)
    const event = eventOf(message)
    // A topic holds what it holds; there is no asking for less.
    if (!this.#types.has(event.type)) return done()
    let ended = false
    this.#open++
    this.#inbound.push({
      message: event,
      deliveredBefore: 0,
      ack: () => {
        if (ended || this.#progress !== all || this.#inbound.failed) return
        ended = true
        done()
        this.#open--
        this.#room.resolve()
      },
      // Whatever came behind it may be under way: all that is not committed is handed out anew, in its order.
      giveBack: () => this.#fail(new Error('a message was given back')),
    })
  }

  async #commit (): Promise<void> {
    const moved = [...this.#progress.values()].flatMap((progress) => progress.takeDone() ?? [])
    // A place that could not be committed is begun at again; the client tells of members that are gone by other means.
    await Promise.all(moved.map(async (message) => await message.commit())).catch(() => {})
  }
}

function eventOf ({ headers, value, key, topic, partition, offset, timestamp }: Message): EventMessage {
  const texts = [...headers].map(([name, text]) => [String(name).toLowerCase(), String(text)] as const)
  return readEnvelope(new Map(texts), String(value), {
    id: `${topic}:${partition}:${offset}`,
    type: topic,
    key: String(key ?? ''),
    atMs: Number(timestamp),
  })
}
