import type { Engine, KafkaClient } from '../../../engines/index.ts'
import { SettingError } from '../../../kernel/index.ts'
import type { EventSource, EventStream, Subscription } from '../../consumers/index.ts'
import { MendingStream } from '../mending-stream.ts'
import { type BrokerSourceOptions, resolveSourceOptions } from '../source-options.ts'
import { openGroupStream } from './group-stream.ts'
import { checkTopic, type KafkaTopic } from './kafka-topics.ts'

export interface KafkaSourceOptions extends BrokerSourceOptions {
  /** Yours to close. */
  readonly engine: Engine<KafkaClient>
  /** As the publisher has it. @default 'events' */
  readonly topic?: KafkaTopic
  /** Where events are looked for. @default the topic, which must be one for all then */
  readonly topics?: readonly string[]
  /** The consumer group of a consumer. @default its name */
  readonly group?: (consumer: string) => string
  /** After so long without a sign of life a process counts as gone, in milliseconds. @default 30,000 */
  readonly sessionTimeoutMs?: number
}

/**
 * Reads events from Kafka, as a member of one consumer group for each consumer: each partition goes to one process. What
 * is committed is the place up to which all is acknowledged, so that after a loss a partition begins again there; what
 * was acknowledged behind it comes once more. Kafka does not count how often it hands out a message.
 *
 * @throws SettingError for options that are not valid
 */
export function kafkaSource (options: KafkaSourceOptions): EventSource {
  const { engine, topic = 'events', group = (consumer: string) => consumer, sessionTimeoutMs = 30_000 } =
    options
  const topics = (options.topics ?? (typeof topic === 'string' ? [topic] : [])).map(checkTopic)
  if (topics.length === 0) {
    throw new SettingError(
      'kafka.topics',
      'the topics to read, where the topic depends on the message',
      undefined
    )
  }
  if (!(sessionTimeoutMs >= 1_000)) {
    throw new SettingError('kafka.sessionTimeoutMs', 'at least 1,000', sessionTimeoutMs)
  }
  const common = resolveSourceOptions('kafka', options)

  async function subscribe (subscription: Subscription, signal: AbortSignal): Promise<EventStream> {
    const { consumer } = subscription
    const { clock } = common
    const stream = new MendingStream({
      ...common,
      part: `the consumer ${consumer} of kafka`,
      open: () =>
        openGroupStream({ engine, topics, group: group(consumer), sessionTimeoutMs, subscription, clock }),
    })
    try {
      await stream.ready(signal)
    } catch (error) {
      await stream.close()
      throw error
    }
    return stream
  }
  return { name: 'kafka', subscribe }
}
