import type { Producer } from '@platformatic/kafka'
import type { KafkaClient } from '../../../engines/index.ts'
import type { EventMessage } from '../../events/index.ts'
import { headersFor } from '../envelope.ts'

/** Where a message goes. */
export interface KafkaPlace {
  readonly topic: string
  readonly partition: number
}

/** A producer whose broker drops what the client sends twice, by the producer's id and a number for each message. */
export class KafkaProducer {
  readonly #producer: Producer
  readonly #kafka: KafkaClient['kafka']
  readonly #createTopics: boolean
  /** One object for each place, so that places can be told apart by themselves. */
  readonly #places = new Map<string, KafkaPlace>()

  /** @param patienceMs how long one batch may take with all tries, in milliseconds, roughly */
  constructor ({ kafka, settings }: KafkaClient, createTopics: boolean, patienceMs: number) {
    this.#kafka = kafka
    this.#createTopics = createTopics
    this.#producer = new kafka.Producer({
      ...settings,
      idempotent: true,
      // The protocol's own way to say "none yet". The client's default is 0, which looks like an id.
      producerId: -1n,
      producerEpoch: -1,
      autocreateTopics: createTopics,
      requestTimeout: Math.max(
        1,
        Math.min(settings.requestTimeout ?? patienceMs, Math.floor(patienceMs / 2))
      ),
      // The client's own tries carry the same numbers: what arrived before is not stored twice.
      retries: 4,
      retryDelay: (_client, _operation, attempt) => 50 * 2 ** attempt,
    })
  }

  /** Where messages of a topic go: to the partition that Kafka's own Java client chooses by their key, too. */
  async placesOf (topic: string): Promise<(key: string) => KafkaPlace> {
    const metadata = await this.#producer.metadata({ topics: [topic], autocreateTopics: this.#createTopics })
    const partitions = metadata.topics.get(topic)?.partitionsCount ?? 1
    return (key) =>
      this.#place(topic, this.#kafka.compatibilityPartitioner({ topic }, Buffer.from(key)) % partitions)
  }

  #place (topic: string, partition: number): KafkaPlace {
    const name = `${topic}/${partition}`
    const place = this.#places.get(name) ?? { topic, partition }
    this.#places.set(name, place)
    return place
  }

  /** Resolves when all replicas in sync have all of them. */
  async send ({ topic, partition }: KafkaPlace, messages: readonly EventMessage[]): Promise<void> {
    await this.#producer.send({
      acks: this.#kafka.ProduceAcks.ALL,
      messages: messages.map((message) => ({
        topic,
        partition,
        key: Buffer.from(message.key),
        value: Buffer.from(message.payload),
        headers: new Map(headersFor(message).map(([name, value]) => [Buffer.from(name), Buffer.from(value)])),
        timestamp: BigInt(message.occurredAtMs),
      })),
    })
  }

  async close (): Promise<void> {
    await this.#producer.close(true)
  }
}
