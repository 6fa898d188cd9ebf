import type { Engine, KafkaClient } from '../../../engines/index.ts'
import { type Clock, SettingError, systemClock } from '../../../kernel/index.ts'
import type { EventMessage } from '../../events/index.ts'
import type { Publisher, PublishOutcome } from '../../outbox/index.ts'
import { BrokerPartClosedError, PublishRefusedError } from '../errors.ts'
import { PublishCall } from '../publish-call.ts'
import { refuseAll } from '../refuse-all.ts'
import { type KafkaPlace, KafkaProducer } from './kafka-producer.ts'
import { checkTopic, isTopic, type KafkaTopic } from './kafka-topics.ts'
import { PartitionQueues } from './partition-queues.ts'
import { explainRefusal, whyRefused } from './refusals.ts'

export interface KafkaPublisherOptions {
  /** Yours to close. */
  readonly engine: Engine<KafkaClient>
  /** @default 'events' */
  readonly topic?: KafkaTopic
  /** Whether brokers that are set up to make topics (`auto.create.topics.enable`) are asked to. @default true */
  readonly createTopics?: boolean
  /**
   * The largest batch, in bytes of payload; a larger message goes alone. Keep it below the brokers' `message.max.bytes`.
   * @default 512 KiB
   */
  readonly maxBatchBytes?: number
  /** How long one call of `publish` waits for confirmations, in milliseconds; above 0. @default 10,000 */
  readonly confirmTimeoutMs?: number
  readonly clock?: Clock
}

/**
 * Publishes to Kafka with an idempotent producer and `acks=all`. A batch is of one partition, and the brokers take all
 * of it or nothing; a partition's batches go one after another, so the order of each key is kept. What the client itself
 * sends again is stored once; what is published again by a later call is not known to Kafka, and consumers tell it by
 * the message's id.
 *
 * @throws SettingError for options that are not valid
 */
export function kafkaPublisher (options: KafkaPublisherOptions): Publisher {
  const { engine, topic = 'events', createTopics = true, maxBatchBytes = 512 * 1024 } = options
  const { confirmTimeoutMs = 10_000, clock = systemClock } = options
  if (typeof topic === 'string') checkTopic(topic)
  if (!(maxBatchBytes >= 1)) throw new SettingError('kafka.maxBatchBytes', 'at least 1', maxBatchBytes)
  if (!(confirmTimeoutMs > 0)) throw new SettingError('kafka.confirmTimeoutMs', 'above 0', confirmTimeoutMs)
  const queues = new PartitionQueues()
  let opening: Promise<KafkaProducer> | undefined
  let closed = false

  function open (): Promise<KafkaProducer> {
    if (closed) return Promise.reject(new BrokerPartClosedError('the publisher for kafka'))
    opening ??= engine.connect().then((client) => new KafkaProducer(client, createTopics, confirmTimeoutMs))
    opening.catch(() => opening = undefined)
    return opening
  }

  async function check (signal: AbortSignal): Promise<void> {
    await engine.check(signal)
    const producer = await open()
    if (typeof topic === 'string') await producer.placesOf(topic)
    signal.throwIfAborted()
  }

  async function publish (
    messages: readonly EventMessage[],
    signal: AbortSignal
  ): Promise<readonly PublishOutcome[]> {
    let producer: KafkaProducer
    try {
      producer = await open()
    } catch (error) {
      return refuseAll(messages, error)
    }
    const call = new PublishCall(messages, { clock, timeoutMs: confirmTimeoutMs, signal })
    void publishAll(producer, call)
    return await call.result
  }

  /** What is wrong with one topic or partition settles its messages, and leaves the others alone. */
  async function publishAll (producer: KafkaProducer, call: PublishCall): Promise<void> {
    const byTopic = new Map<string, Promise<Placing>>()
    const places = await Promise.all(call.messages.map(async (message) => {
      const name = typeof topic === 'string' ? topic : topic(message)
      const placing = byTopic.get(name) ?? placingOf(producer, name)
      byTopic.set(name, placing)
      return (await placing)(message.key)
    }))
    // One round, unless messages of one key go to several topics: then each waits for the one before it.
    while (!call.over) {
      const round = Map.groupBy(nextOfEachKey(call, places), (at) => places[at]!)
      await Promise.all([...round].map(async ([place, indexes]) => {
        if (place instanceof Error) return giveUp(call, place, indexes)
        await queues.run(place, () => publishPartition(producer, call, place, indexes))
      }))
    }
  }

  async function placingOf (producer: KafkaProducer, name: string): Promise<Placing> {
    try {
      if (!isTopic(name)) throw new InvalidTopic(name)
      return await producer.placesOf(name)
    } catch (error) {
      const wrong = error instanceof Error ? error : new Error(String(error))
      return () => wrong
    }
  }

  async function publishPartition (
    producer: KafkaProducer,
    call: PublishCall,
    place: KafkaPlace,
    indexes: readonly number[]
  ): Promise<void> {
    for (const batch of batchesOf(call, indexes, maxBatchBytes)) await sendBatch(producer, call, place, batch)
  }

  /** A batch with a message that is not taken is halved until that one is alone. */
  async function sendBatch (
    producer: KafkaProducer,
    call: PublishCall,
    place: KafkaPlace,
    batch: readonly number[]
  ): Promise<void> {
    const sendable = batch.filter((at) => call.isOpen(at) && !call.isStuck(at))
    for (const at of batch) if (call.isStuck(at)) call.settle(at, { kind: 'held' })
    if (sendable.length === 0) return
    try {
      await producer.send(place, sendable.map((at) => call.messages[at]!))
    } catch (error) {
      if (whyRefused(error) !== 'unfit' || sendable.length === 1) return giveUp(call, error, sendable)
      const half = Math.ceil(sendable.length / 2)
      await sendBatch(producer, call, place, sendable.slice(0, half))
      await sendBatch(producer, call, place, sendable.slice(half))
      return
    }
    for (const at of sendable) call.settle(at, { kind: 'confirmed' })
  }

  async function close (): Promise<void> {
    if (closed) return
    closed = true
    const producer = await opening?.catch(() => undefined)
    await producer?.close().catch(() => {})
  }
  return { name: 'kafka', check, publish, close, [Symbol.asyncDispose]: close }
}

/** Where the message of a key goes, or why it can go nowhere. */
type Placing = (key: string) => KafkaPlace | Error

/** Kafka would say the same, after a round trip. */
class InvalidTopic extends Error {
  readonly apiId = 'INVALID_TOPIC_EXCEPTION'

  constructor (name: string) {
    super(`"${name}" is no name of a topic`)
  }
}

/** Of each key what is open, in its order, up to where its place changes. */
function nextOfEachKey (call: PublishCall, places: readonly unknown[]): readonly number[] {
  const placeOfKey = new Map<string, unknown>()
  const ended = new Set<string>()
  return [...call.messages.keys()].filter((at) => {
    const key = call.keyOf(at)
    if (!call.isOpen(at) || ended.has(key)) return false
    const place = placeOfKey.get(key) ?? places[at]
    placeOfKey.set(key, place)
    if (place !== places[at]) ended.add(key)
    return place === places[at]
  })
}

function giveUp (call: PublishCall, error: unknown, indexes: readonly number[]): void {
  call.giveUp(
    new PublishRefusedError('kafka', explainRefusal(error), error),
    whyRefused(error) === 'later',
    indexes
  )
}

/** Neighbours together, as many as fit; of a message that is larger than a batch, it alone. */
function* batchesOf (
  call: PublishCall,
  indexes: readonly number[],
  maxBytes: number
): Generator<readonly number[]> {
  let batch: number[] = []
  let bytes = 0
  for (const at of indexes) {
    const size = Buffer.byteLength(call.messages[at]!.payload)
    if (batch.length > 0 && bytes + size > maxBytes) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(at)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
